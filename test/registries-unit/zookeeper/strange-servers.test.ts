import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import { systemRandom } from '../../../src/core/random.js';
import type { DiscoveryHost } from '../../../src/index.js';
import { zookeeperDiscovery } from '../../../src/registries/zookeeper/index.js';
import { RecordingSink, until } from '../../discovery/recording-sink.js';
import { childrenBody, fakeServer, notification, reply, welcome } from './fake-server.js';

const HOST: DiscoveryHost = { clock: systemClock, random: systemRandom, skipped() {}, announcementFailed() {}, announced() {} };
const EXISTS = 3;
const GET_CHILDREN = 12;
const PING = 11;
const CLOSE_SESSION = -11;
const NO_NODE = -101;
const CREATED = 1;
const UNKNOWN_KIND = 77;

function watching(test: TestContext, servers: string | string[], requestTimeoutMs = 300) {
  const source = zookeeperDiscovery({ servers, requestTimeoutMs, sessionTimeoutMs: 3_000 });
  const sink = new RecordingSink();
  const stop = source.watch('users', sink, HOST);
  test.after(async () => {
    stop();
    await source.close?.();
  });
  return { source, sink, stop };
}

const failures = (sink: RecordingSink) => sink.said.filter(({ kind }) => kind === 'failed').map(({ error }) => String(error));
const failedWith = (sink: RecordingSink, pattern: RegExp) =>
  until(() => failures(sink).some((each) => pattern.test(each)), String(pattern));

describe('a server that is none, or a strange one', () => {
  test('that answers in HTTP is said to be another protocol', async (t) => {
    const { address } = await fakeServer(t, ({ socket }) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { sink } = watching(t, address);
    await failedWith(sink, new RegExp(`zookeeper at ${address} .*does not speak ZooKeeper's protocol`));
  });

  test('that takes connections and says nothing is left after the time limit', async (t) => {
    const { address } = await fakeServer(t, () => {});
    const { sink } = watching(t, address);
    await failedWith(sink, /did not answer within 300 ms/);
  });

  test('that nobody listens at is named in the error, with the reason', async (t) => {
    const { sink } = watching(t, '127.0.0.1:1');
    await failedWith(sink, /zookeeper at 127\.0\.0\.1:1 could not be reached \(.*ECONNREFUSED/);
  });

  test('that is down is left for the next one', async (t) => {
    const { address } = await fakeServer(t, ({ socket, frame, index }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) socket.write(reply(frame, 0, childrenBody([])));
    });
    const { sink } = watching(t, ['127.0.0.1:1', address]);
    await until(() => sink.last?.kind === 'snapshot', 'the list');
  });

  test('that knows errors which the package does not is asked again, and nothing is thrown', async (t) => {
    const { address } = await fakeServer(t, ({ socket, frame, index, connection }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) {
        socket.write(index === 1 && connection === 0 ? reply(frame, -127) : reply(frame, 0, childrenBody([])));
      }
    });
    const { sink } = watching(t, address);
    await until(() => sink.last?.kind === 'snapshot', 'the list');
    assert.match(failures(sink).join(), /answered error -127 to getChildren \/services\/users: the server is overloaded/);
  });

  test('that sends rubbish in place of an answer is left, and nothing is thrown', async (t) => {
    const { address } = await fakeServer(t, ({ socket, frame, index, connection }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) {
        const rubbish = Buffer.alloc(4, 0x7f);
        socket.write(connection === 0 ? reply(frame, 0, rubbish) : reply(frame, 0, childrenBody([])));
      }
    });
    const { sink } = watching(t, address);
    await until(() => sink.last?.kind === 'snapshot', 'the list');
    assert.match(failures(sink).join(), /sent what cannot be read/);
  });

  test('that breaks off in the middle of an answer spoils nothing of the next connection', async (t) => {
    const { address } = await fakeServer(t, ({ socket, frame, index, connection }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) {
        const answer = reply(frame, 0, childrenBody([]));
        if (connection === 0) socket.end(answer.subarray(0, 30));
        else socket.write(answer);
      } else if (frame.readInt32BE(0) === -8) socket.write(reply(frame, 0));
    });
    const { sink } = watching(t, address);
    await until(() => sink.last?.kind === 'snapshot', 'the list');
    assert.equal(failures(sink).length, 1);
  });

  test('that answers no ping is left, although nobody asks for anything', async (t) => {
    let pings = 0;
    const { address } = await fakeServer(t, ({ socket, frame, index }) => {
      if (index === 0) socket.write(welcome(1, 300));
      else if (frame.readInt32BE(4) === GET_CHILDREN) socket.write(reply(frame, 0, childrenBody([])));
      else if (frame.readInt32BE(4) === PING) pings++;
    });
    const { sink } = watching(t, address);
    await failedWith(sink, /did not answer within 300 ms/);
    assert.ok(pings >= 1);
  });

  test('leaves no socket and nothing to wait for when the watch is stopped while connecting', async (t) => {
    const { address, sockets } = await fakeServer(t, () => {});
    const { stop, source } = watching(t, address, 60_000);
    await until(() => sockets.size === 1, 'the connection');
    stop();
    await until(() => sockets.size === 0, 'the end of the connection');
    await source.close?.();
  });

  test('that tells of a znode that was made in one packet with the answer that it is not there is understood', async (t) => {
    let isMade = false;
    const { address } = await fakeServer(t, ({ socket, frame, index }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) socket.write(isMade ? reply(frame, 0, childrenBody([])) : reply(frame, NO_NODE));
      else if (frame.readInt32BE(4) === EXISTS) {
        isMade = true;
        socket.write(Buffer.concat([reply(frame, NO_NODE), notification(CREATED, '/services/users')]));
      }
    });
    const { sink } = watching(t, address);
    await until(() => sink.last?.kind === 'snapshot', 'the list of the service that was made');
  });

  test('that its source leaves in the middle of a question is asked nothing more, also by a watch that goes on', async (t) => {
    let questions = 0;
    const { address, sockets } = await fakeServer(t, ({ socket, frame, index }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) questions++;
      else if (frame.readInt32BE(4) === CLOSE_SESSION) socket.end();
    });
    const { source } = watching(t, address, 60_000);
    await until(() => questions === 1, 'the question');
    await source.close?.();
    await until(() => sockets.size === 0, 'the end of the connection');
    assert.equal(questions, 1);
  });

  test('notifications of unknown kinds are passed over', async (t) => {
    const { address } = await fakeServer(t, ({ socket, frame, index }) => {
      if (index === 0) socket.write(welcome());
      else if (frame.readInt32BE(4) === GET_CHILDREN) {
        socket.write(notification(UNKNOWN_KIND, '/services/users'));
        socket.write(reply(frame, 0, childrenBody([])));
      }
    });
    const { sink } = watching(t, address);
    await until(() => sink.last?.kind === 'snapshot', 'the list');
    assert.deepEqual(failures(sink), []);
  });
});
