import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import type { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  createMesh,
  type Mesh,
  type MeshError,
  type MeshOptions,
  type ServiceOptions,
  standard,
  staticDiscovery,
} from '../../src/index.js';
import { VirtualClock } from '../../src/testing/index.js';
import { Replica, until } from '../support/replicas.js';
import { rawServer, type TestServer } from '../support/servers.js';

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

function meshOf(urls: readonly string[], defaults: ServiceOptions = {}, options: Partial<MeshOptions> = {}): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: urls }), defaults, ...options });
  started.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

async function replica(keepAliveMs?: number, host?: string): Promise<Replica> {
  const made = await Replica.start(keepAliveMs, host);
  started.push({ close: () => made.kill() });
  return made;
}

async function raw(onRequest: (socket: Socket, nth: number, bytes: Buffer) => void): Promise<TestServer> {
  const server = await rawServer((socket, bytes, nth) => onRequest(socket, nth, bytes));
  started.push(server);
  return server;
}

async function get(mesh: Mesh, path = '/'): Promise<number> {
  const response = await mesh.fetch(`http://users${path}`);
  await response.text();
  return response.status;
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('a server that closes idle connections without saying when', () => {
  it('loses no GET, although requests meet the closing', async () => {
    const met = new Map<string, number>();
    // Answers two requests on each connection and closes it on the third: the closing and a request pass each other.
    // No request meets that more than twice, or chance alone could make all its attempts fail.
    const server = await raw((socket, nth, bytes) => {
      const path = bytes.toString().split(' ')[1] as string;
      const times = met.get(path) ?? 0;
      if (nth < 2 || times === 2) {
        socket.write(OK);
      } else {
        met.set(path, times + 1);
        socket.resetAndDestroy();
      }
    });
    const mesh = meshOf([server.origin], {
      policies: standard({ retry: { attempts: 3, budgetRatio: 1, budgetTokens: 1_000 }, circuitBreaker: false }),
    });
    let left = 200;
    const caller = async () => {
      while (left > 0) assert.equal(await get(mesh, `/${left--}`), 200);
    };
    await Promise.all(Array.from({ length: 4 }, caller));
    assert.ok(met.size > 20, `${met.size} requests met a closing connection`);
  });

  it('has a lost POST reported and not repeated', async () => {
    let requests = 0;
    const server = await raw((socket, nth) => {
      requests++;
      if (nth === 0) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const mesh = meshOf([server.origin]);
    await get(mesh);
    await turn();
    await assert.rejects(mesh.fetch('http://users/', { method: 'POST', body: 'x' }), { code: 'ERR_MESH_LOST' });
    assert.equal(requests, 2);
  });
});

describe('a server that says how long it keeps connections', () => {
  it('is believed: none is used so late that it might be closing', async () => {
    const server = await raw((socket) => socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok'));
    const mesh = meshOf([server.origin]);
    for (let i = 0; i < 5; i++) assert.equal(await get(mesh), 200);
    // A second less a second of caution is no time at all.
    assert.equal(server.accepted, 5);
  });

  it('that says close has its connection used once', async () => {
    const server = await raw((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'));
    const mesh = meshOf([server.origin]);
    for (let i = 0; i < 5; i++) assert.equal(await get(mesh), 200);
    assert.equal(server.accepted, 5);
  });
});

describe('an address', () => {
  it('may be an IPv6 literal', async (test) => {
    const there = await replica(undefined, '::1').catch(() => undefined);
    if (there === undefined) return test.skip('this machine has no IPv6');
    const mesh = meshOf([there.url]);
    const response = await mesh.fetch('http://users/x');
    assert.equal(response.status, 200);
    assert.deepEqual(there.seen, [{ method: 'GET', path: '/x', id: undefined }]);
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.origin, there.url);
  });

  for (const host of ['127.0.0.1', '::1']) {
    it(`that has several is tried at each: a server at ${host} is found under localhost`, async (test) => {
      const addresses = (await lookup('localhost', { all: true })).map(({ address }) => address);
      if (!addresses.includes(host)) return test.skip(`localhost is not ${host} here`);
      const there = await replica(undefined, host);
      const mesh = meshOf([`http://localhost:${new URL(there.url).port}`]);
      assert.equal(await get(mesh), 200);
    });
  }

  it('where nobody listens is reported with every address that was tried', async () => {
    const there = await Replica.start();
    const { port } = new URL(there.url);
    await there.kill();
    const mesh = meshOf([`http://localhost:${port}`], { policies: standard({ retry: false }) });
    await assert.rejects(get(mesh), (error: MeshError) => {
      assert.equal(error.code, 'ERR_MESH_CONNECT');
      assert.match(error.message, new RegExp(`cannot connect to http://localhost:${port}: .*ECONNREFUSED \\S+:${port}`));
      return true;
    });
  });
});

describe('connections', () => {
  it('that cannot be made in time fail as never sent, so that a POST goes elsewhere', async () => {
    // Accepts, and never says a word of TLS.
    const deaf = await raw(() => {});
    const there = await replica();
    const deafUrl = deaf.origin.replace('http:', 'https:');
    const alone = meshOf([deafUrl], { connections: { connectTimeoutMs: 100 }, policies: standard({ retry: false }) });
    const startedMs = performance.now();
    await assert.rejects(alone.fetch('http://users/', { method: 'POST', body: 'x' }), {
      code: 'ERR_MESH_CONNECT',
      message: /no connection within connectTimeoutMs: 100/,
    });
    assert.ok(performance.now() - startedMs < 500, `it took ${performance.now() - startedMs} ms`);
    const mesh = meshOf([deafUrl, there.url], { connections: { connectTimeoutMs: 100 } });
    for (let i = 0; i < 4; i++) assert.equal((await mesh.fetch('http://users/', { method: 'POST', body: 'x' })).status, 200);
    assert.equal(there.seen.length, 4);
  });

  it('are no more than their maximum; calls beyond it wait in the queue', async () => {
    const there = await replica();
    const waiting: (() => void)[] = [];
    // Answers three at a time: with two connections it would answer none, and four would be seen.
    there.behaviour = async (_request, response) => {
      waiting.push(() => response.end('{}'));
      if (waiting.length < 3) return;
      await turn();
      assert.equal(waiting.length, 3);
      for (const answer of waiting.splice(0)) answer();
    };
    const mesh = meshOf([there.url], { connections: { max: 3 } });
    const results = await Promise.all(Array.from({ length: 99 }, () => get(mesh)));
    assert.ok(results.every((status) => status === 200));
    assert.equal(there.accepted, 3);
  });

  it('beyond their maximum fail at once where there is no queue', async () => {
    const there = await replica();
    there.behaviour = 'hang';
    const mesh = meshOf([there.url], { connections: { max: 2 }, policies: { perCall: [], perAttempt: [], perEndpoint: [] } });
    const hanging = [0, 1].map(() => assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_CLOSED' }));
    await until(() => there.seen.length === 2, 'both are under way');
    await assert.rejects(mesh.fetch('http://users/'), {
      code: 'ERR_MESH_UNAVAILABLE',
      message: /none of 1 endpoints can take a request: 0 unfit, 1 busy/,
    });
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.state, 'busy');
    await mesh.close({ graceMs: 0 });
    await Promise.all(hanging);
  });

  it('are replaced when they are too old, also where there may be one only', async () => {
    const there = await replica();
    const clock = new VirtualClock();
    const mesh = meshOf([there.url], { connections: { max: 1, maxAgeMs: 10_000 } }, { clock });
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 3; j++) {
        assert.equal(await get(mesh), 200);
        assert.equal(there.accepted, i + 1);
        await turn();
      }
      await clock.advance(10_000);
    }
    await until(() => there.sockets.size <= 1, 'the old ones are closed');
  });

  it('become too old at different times in different processes', async () => {
    const there = await replica();
    const acceptedAfterMs = async (ms: number, chance: number): Promise<number> => {
      const clock = new VirtualClock();
      const connections = { max: 1, maxAgeMs: 10_000, idleMs: 60_000 };
      const mesh = meshOf([there.url], { connections }, { clock, random: { next: () => chance } });
      const before = there.accepted;
      await get(mesh);
      await clock.advance(ms);
      await get(mesh);
      return there.accepted - before;
    };
    assert.deepEqual([await acceptedAfterMs(8_900, 0.5), await acceptedAfterMs(9_100, 0.5)], [1, 2]);
    assert.deepEqual([await acceptedAfterMs(9_800, 0), await acceptedAfterMs(10_000, 0)], [1, 2]);
  });

  it('that are too old finish what they carry', async () => {
    const there = await replica();
    const clock = new VirtualClock();
    let finish = () => {};
    there.behaviour = (request, response) => {
      if (request.url !== '/slow') return void response.end('{}');
      response.write('first');
      finish = () => response.end(', last');
    };
    const mesh = meshOf([there.url], { connections: { maxAgeMs: 10_000 } }, { clock });
    const slow = await mesh.fetch('http://users/slow');
    await clock.advance(20_000);
    assert.equal(await get(mesh), 200);
    assert.equal(there.sockets.size, 2);
    finish();
    assert.equal(await slow.text(), 'first, last');
    await until(() => there.sockets.size === 1, 'the old connection is closed');
  });

  it('are let go of when they have been idle, and made anew at the next request', async () => {
    const there = await replica();
    const clock = new VirtualClock();
    const mesh = meshOf([there.url], { connections: { idleMs: 60_000 } }, { clock });
    await get(mesh);
    await clock.advance(59_000);
    await get(mesh);
    assert.equal(there.accepted, 1);
    await clock.advance(59_000);
    assert.equal(there.sockets.size, 1);
    await clock.advance(65_000);
    await until(() => there.sockets.size === 0, 'the pool is closed');
    assert.equal(await get(mesh), 200);
    assert.equal(there.accepted, 2);
  });

  it('of a request under way are not let go of, however long it takes', async () => {
    const there = await replica();
    const clock = new VirtualClock();
    let finish = () => {};
    there.behaviour = (_request, response) => {
      response.write('first');
      finish = () => response.end(', last');
    };
    const mesh = meshOf(
      [there.url],
      { connections: { idleMs: 1_000 }, policies: standard({ bodyIdleTimeoutMs: Number.POSITIVE_INFINITY }) },
      { clock },
    );
    const response = await mesh.fetch('http://users/');
    await clock.advance(100_000);
    finish();
    assert.equal(await response.text(), 'first, last');
  });
});
