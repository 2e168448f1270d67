import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import { ConfigError } from '../../../src/core/errors.js';
import { type EtcdDiscoveryOptions, etcdSettings } from '../../../src/registries/etcd/etcd-settings.js';
import { Gateway } from '../../../src/registries/etcd/gateway.js';
import { isCompacted, isFuture, refusalOf, refusalOfWatch, wantsNewToken } from '../../../src/registries/etcd/gateway-error.js';
import { etcdDiscovery } from '../../../src/registries/etcd/index.js';
import { afterPrefix, base64, keyValueOf } from '../../../src/registries/etcd/messages.js';
import { RecordingSink, until } from '../../discovery/recording-sink.js';
import { TestHost } from '../../discovery/scripted-source.js';

type Answer = (path: string, body: string, request: IncomingMessage, response: ServerResponse) => void;

/** Something that is asked like an etcd, and answers what the test says. */
async function farEnd(test: TestContext, answer: Answer): Promise<string> {
  const server = createServer(async (request, response) => answer(request.url ?? '', await text(request), request, response)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** On real time, since it is asked over real sockets; always the first server first. */
function realHost(): TestHost {
  return Object.assign(new TestHost(), { clock: systemClock, random: { next: () => 0 } });
}

function gateway(test: TestContext, options: EtcdDiscoveryOptions): Gateway {
  const subject = new Gateway(etcdSettings(options), realHost());
  test.after(() => subject.close());
  return subject;
}

describe('the options of etcdDiscovery', () => {
  it('are checked when the source is made', () => {
    const bad: [EtcdDiscoveryOptions | Record<string, unknown>, string][] = [
      [{ endpoints: [] }, 'endpoints'],
      [{ endpoints: '127.0.0.1:2379' }, 'endpoints'],
      [{ endpoints: 'http://user:secret@127.0.0.1:2379' }, 'endpoints'],
      [{ prefix: 7 }, 'prefix'],
      [{ username: '' }, 'username'],
      [{ username: 'a' }, 'password'],
      [{ username: 'a', password: 7 }, 'password'],
      [{ tls: true }, 'tls'],
      [{ leaseMs: 999 }, 'leaseMs'],
      [{ keepAlive: 1 }, 'keepAlive'],
      [{ livenessMs: 0 }, 'livenessMs'],
      [{ requestTimeoutMs: Number.POSITIVE_INFINITY }, 'requestTimeoutMs'],
      [{ endpoint: 'http://127.0.0.1:2379' }, 'endpoint'],
    ];
    for (const [options, name] of bad) {
      assert.throws(
        () => etcdDiscovery(options as EtcdDiscoveryOptions),
        (error) => error instanceof ConfigError && error.path === `etcdDiscovery.${name}` && !error.message.includes('secret'),
        name,
      );
    }
    assert.equal(etcdSettings({ leaseMs: 1_001 }).leaseMs, 2_000);
  });
});

describe('the messages of etcd', () => {
  it('end a range where the keys with its prefix end', () => {
    assert.equal(Buffer.from(afterPrefix('services/'), 'base64').toString(), 'services0');
    assert.deepEqual([...Buffer.from(afterPrefix('\u{10ffff}'), 'base64')], [0xf4, 0x8f, 0xbf, 0xc0]);
    assert.deepEqual([...Buffer.from(afterPrefix(''), 'base64')], [0]);
  });

  it('have keys and values that may lack everything or be of any type', () => {
    assert.deepEqual(keyValueOf({ key: base64('a'), mod_revision: '5' }), { key: 'a', base64: '', revision: 5, lease: '0' });
    for (const strange of [undefined, null, 7, [], {}, { key: 7, mod_revision: '5' }, { key: 'YQ==', mod_revision: {} }]) {
      assert.equal(keyValueOf(strange), undefined);
    }
  });

  it('refuse in four ways, that come to the same', () => {
    const message = 'etcdserver: mvcc: required revision has been compacted';
    const expected = { code: 11, message };
    assert.deepEqual(refusalOf({ error: message, message, code: 11 }), expected);
    assert.deepEqual(refusalOf({ code: 11, message }), expected);
    assert.deepEqual(refusalOf({ error: { grpc_code: 11, http_code: 400, message } }), expected);
    assert.deepEqual(refusalOf({ error: { code: 11, message, details: [] } }), expected);
    assert.deepEqual(refusalOfWatch(`rpc error: code = OutOfRange desc = ${message}`), expected);
    assert.equal(isCompacted(expected), true);
    assert.equal(isFuture(expected), false);
    assert.equal(wantsNewToken(refusalOfWatch('rpc error: code = Unauthenticated desc = etcdserver: invalid auth token')), true);
    assert.deepEqual(refusalOfWatch(''), { code: 2, message: 'no reason given' });
    assert.equal(refusalOf(null).code, 2);
  });
});

describe('the gateway of etcd', () => {
  it('is asked with a new token, once, when it has no use for the old one', async (test) => {
    const asked: string[] = [];
    let tokens = 0;
    const endpoints = await farEnd(test, (path, _body, request, response) => {
      asked.push(`${path} ${request.headers.authorization ?? ''}`);
      if (path.endsWith('authenticate')) response.end(JSON.stringify({ token: `t${++tokens}` }));
      else if (request.headers.authorization === 't1')
        response.writeHead(401).end('{"code":16,"message":"etcdserver: invalid auth token"}');
      else response.end('{"count":"1"}');
    });
    const subject = gateway(test, { endpoints, username: 'u', password: 'p' });
    assert.deepEqual(await subject.call(endpoints, { path: '/v3/kv/range', body: {} }), { count: '1' });
    await Promise.all([1, 2].map(() => subject.call(endpoints, { path: '/v3/kv/range', body: {} })));
    assert.deepEqual(asked, [
      '/v3/auth/authenticate ',
      '/v3/kv/range t1',
      '/v3/auth/authenticate ',
      '/v3/kv/range t2',
      '/v3/kv/range t2',
      '/v3/kv/range t2',
    ]);
  });

  it('is asked at the next server when one does not answer, and not when it refuses', async (test) => {
    let refusal = '';
    const good = await farEnd(test, (_path, _body, _request, response) => {
      if (refusal === '') response.end('{"count":"1"}');
      else response.writeHead(403).end(refusal);
    });
    const subject = gateway(test, { endpoints: ['http://127.0.0.1:1', good, 'http://127.0.0.1:2'] });
    assert.deepEqual(await subject.callAny({ path: '/v3/kv/range', body: {} }), { count: '1' });
    assert.equal(subject.servers.current, good);
    refusal = '{"code":7,"message":"etcdserver: permission denied"}';
    await assert.rejects(subject.callAny({ path: '/v3/kv/range', body: {} }), /permission denied/);
    assert.equal(subject.servers.current, good);
  });

  it('is named when something else answers in its place', async (test) => {
    const endpoints = await farEnd(test, (path, _body, _request, response) => {
      if (path.includes('watch')) response.end('<html>');
      else response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>');
    });
    const subject = gateway(test, { endpoints });
    await assert.rejects(
      subject.call(endpoints, { path: '/v3/kv/range', body: {} }),
      new RegExp(
        `^RegistryError: etcd at ${endpoints} answered 404 to POST /v3/kv/range \\(<h1>Not Found</h1>\\): check endpoints: this is no etcd`,
      ),
    );
    await assert.rejects(subject.call(endpoints, { path: '/v3/watch', body: {} }), /something that is not JSON/);
  });
});

describe('a source whose watch does not last', () => {
  it('waits longer each time before it lists and watches again', async (test) => {
    let lists = 0;
    const endpoints = await farEnd(test, (path, _body, _request, response) => {
      if (path.includes('range')) {
        lists++;
        response.end('{"header":{"cluster_id":"1","revision":"5"}}');
      } else response.end('{"error":{"code":14,"message":"no streams here"}}');
    });
    const host = realHost();
    const waits: number[] = [];
    const { setTimer } = systemClock;
    Object.assign(host, {
      random: { next: () => 0.999 },
      clock: {
        ...systemClock,
        setTimer: (callback: () => void, delayMs: number) => {
          if (delayMs > 20 && delayMs < 5_000) waits.push(Math.round(delayMs));
          return setTimer(callback, delayMs < 5_000 ? 0 : delayMs);
        },
      },
    });
    const discovery = etcdDiscovery({ endpoints });
    test.after(() => discovery.close?.());
    const sink = new RecordingSink();
    discovery.watch('users', sink, host);
    await until(() => waits.length >= 4, 'four waits');
    assert.deepEqual(waits.slice(0, 4), [100, 200, 400, 799]);
    assert.ok(lists >= 4);
    assert.match(String(sink.said.find(({ kind }) => kind === 'failed')?.error), /answered to POST \/v3\/watch \(no streams here\)/);
  });
});

/** A host for which time runs ten thousand times as fast. */
function hastyHost(): TestHost {
  const speed = 10_000;
  const clock = {
    now: () => systemClock.now() * speed,
    wallTime: () => systemClock.wallTime(),
    setTimer: (callback: () => void, delayMs: number) => systemClock.setTimer(callback, delayMs / speed),
  };
  return Object.assign(new TestHost(), { clock, random: { next: () => 0 } });
}

describe('a watch that lasts', () => {
  const never = { livenessMs: 1e12, requestTimeoutMs: 1e12 };
  const CREATED = '{"result":{"header":{"cluster_id":"1","revision":"5"},"created":true}}\n';

  async function watched(test: TestContext, answer: (watches: number, response: ServerResponse) => void, host = hastyHost()) {
    const counts = { watches: 0 };
    const endpoints = await farEnd(test, (path, _body, _request, response) => {
      if (path.includes('range')) response.end('{"header":{"cluster_id":"1","revision":"5"}}');
      else {
        response.write(CREATED);
        answer(++counts.watches, response);
      }
    });
    const discovery = etcdDiscovery({ endpoints, ...never });
    test.after(() => discovery.close?.());
    const sink = new RecordingSink();
    discovery.watch('users', sink, host);
    const failures = () => sink.said.filter(({ kind }) => kind === 'failed').length;
    return { counts, failures };
  }

  it('is made anew after a very long time without a word, which is no failure', async (test) => {
    const startedMs = performance.now();
    const { counts, failures } = await watched(test, () => {});
    await until(() => counts.watches >= 2, 'a second watch');
    // Twenty-five minutes.
    assert.ok(performance.now() - startedMs >= 150);
    assert.equal(failures(), 0);
  });

  it('is made anew when it ends by itself after a while, which is no failure either', async (test) => {
    const { counts, failures } = await watched(test, (watches, response) => {
      if (watches === 1) setTimeout(() => response.end(), 50);
    });
    await until(() => counts.watches >= 2, 'a second watch');
    assert.equal(failures(), 0);
  });

  it('has failed when it ends at once', async (test) => {
    const endFirst = (watches: number, response: ServerResponse): void => {
      if (watches === 1) response.end();
    };
    const { counts, failures } = await watched(test, endFirst, realHost());
    await until(() => counts.watches >= 2, 'a second watch');
    assert.equal(failures(), 1);
  });
});
