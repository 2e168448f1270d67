import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createMesh, type Mesh, Reply, staticDiscovery, type Transport } from '../../src/index.js';
import { VirtualClock } from '../../src/testing/index.js';
import { Replica, until } from '../support/replicas.js';

/**
 * Long runs, in which a leak of a few bytes a request shows: sockets, timers, listeners and the heap are counted
 * after a warm-up and again at the end.
 */

const AT_ONCE = 50;
const BODY = Buffer.from('{"hello":"world"}');

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

/** A wire that answers at once. */
const nothing: Transport = {
  connect: (_endpoint, { clock }) => ({
    send(call) {
      call.progress = 'answered';
      call.sentMs = clock.now();
      const reply = new Reply(200, 'OK', ['content-type', 'application/json']);
      reply.push(BODY);
      reply.end();
      return Promise.resolve(reply);
    },
    close() {},
  }),
};

/** Bytes of the heap in use when nothing is left to collect. */
async function heapBytes(): Promise<number> {
  assert.ok(globalThis.gc, 'this test needs node --expose-gc');
  for (let i = 0; i < 4; i++) {
    await turn();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

/** Makes `count` calls, some at a time, each with a signal that outlives them all; every tenth has a POST's body. */
async function drive(mesh: Mesh, count: number, signal: AbortSignal): Promise<void> {
  let left = count;
  const caller = async () => {
    while (left > 0) {
      left--;
      const init = left % 10 === 0 ? { method: 'POST', body: '{"a":1}', signal } : { signal, headers: { 'x-request': String(left) } };
      const response = await mesh.fetch(`http://users/things/${left}?q=1`, init);
      const { hello } = (await response.json()) as { hello: string };
      assert.equal(hello, 'world');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
}

function endpointsIdle(mesh: Mesh): boolean {
  const { users } = mesh.inspect().services;
  return users?.active === 0 && users.endpoints.every(({ inFlight }) => inFlight === 0);
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

describe('a long run', () => {
  it('of 150,000 calls over a wire that does nothing leaves the heap as it was', async () => {
    const urls = Array.from({ length: 8 }, (_, index) => `http://10.0.0.${index + 1}`);
    const mesh = createMesh({ discovery: staticDiscovery({ users: urls }), transport: nothing });
    const { signal } = new AbortController();
    await drive(mesh, 30_000, signal);
    const before = await heapBytes();
    await drive(mesh, 120_000, signal);
    const grownBytes = (await heapBytes()) - before;
    assert.ok(grownBytes < 600_000, `${grownBytes} bytes more after 120,000 calls: ${(grownBytes / 120_000).toFixed(1)} a call`);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    assert.ok(endpointsIdle(mesh));
    await mesh.close();
    assert.equal(timers(), 0);
  });

  it('of 50,000 calls over loopback leaves sockets, timers, listeners and the heap as they were', async () => {
    const replicas = await Promise.all([Replica.start(), Replica.start()]);
    started.push({ close: () => Promise.all(replicas.map((replica) => replica.kill())) });
    for (const replica of replicas) {
      replica.behaviour = (_request, response) => {
        replica.seen.length = 0;
        response.end(BODY);
      };
    }
    const mesh = createMesh({
      discovery: staticDiscovery({ users: replicas.map(({ url }) => url) }),
      defaults: { connections: { idleMs: 60_000 } },
    });
    const { signal } = new AbortController();
    await drive(mesh, 10_000, signal);
    const sockets = () => replicas.reduce((sum, { sockets: open }) => sum + open.size, 0);
    const before = await heapBytes();
    await drive(mesh, 40_000, signal);
    const grownBytes = (await heapBytes()) - before;
    assert.ok(grownBytes < 1_500_000, `${grownBytes} bytes more after 40,000 calls: ${(grownBytes / 40_000).toFixed(1)} a call`);
    assert.ok(sockets() <= 2 * AT_ONCE, `${sockets()} sockets`);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    assert.ok(endpointsIdle(mesh));
    await mesh.close();
    await until(() => sockets() === 0, 'the replicas have no socket left');
    assert.equal(timers(), 0);
  });
});

describe('the memory of an endpoint', () => {
  const COUNT = 5_000;
  const USED = 1_000;

  it('that was never used is at most 1 KiB', async () => {
    const discovery = staticDiscovery({
      warm: ['http://10.9.9.9'],
      users: Array.from({ length: COUNT }, (_, index) => `http://10.1.${index >> 8}.${index & 255}:8080`),
    });
    const mesh = createMesh({ discovery, transport: nothing });
    await mesh.ready(['warm']);
    const before = await heapBytes();
    await mesh.ready(['users']);
    const each = ((await heapBytes()) - before) / COUNT;
    assert.ok(each > 0 && each <= 1_024, `${each.toFixed(0)} bytes`);
    await mesh.close();
  });

  it('that was used and is idle again is at most 2 KiB, its connections being closed', async (test) => {
    if (process.platform !== 'linux') return test.skip('every address of 127.0.0.0/8 answers on Linux alone');
    const replica = await Replica.start(60_000, '0.0.0.0');
    started.push({ close: () => replica.kill() });
    replica.behaviour = (_request, response) => {
      response.end(BODY);
    };
    const { port } = new URL(replica.url);
    const urls = (net: number) =>
      Array.from({ length: USED }, (_, index) => `http://127.${net}.${index >> 7}.${(index & 127) + 1}:${port}`);
    const lists: Record<string, string[]> = { warm: urls(1), users: urls(2) };
    const clock = new VirtualClock();
    const mesh = createMesh({ discovery: staticDiscovery(lists), clock });
    const useAll = async (service: string) => {
      for (const endpoint of lists[service] ?? []) {
        for (let i = 0; i < 3; i++) await (await mesh.fetch(`http://${service}/`, { mesh: { endpoint } })).text();
      }
      assert.ok(replica.sockets.size >= USED);
      await clock.advance(20_000);
      await until(() => replica.sockets.size === 0, 'the pools are closed');
      replica.seen.length = 0;
    };
    // Once for another service, so that what is compiled and cached along the way is there already.
    await useAll('warm');
    const before = await heapBytes();
    await useAll('users');
    const each = ((await heapBytes()) - before) / USED;
    // Half a KiB more than the endpoint may have, for what the replica keeps of its connections: it is in this process.
    assert.ok(each > 0 && each <= 2_048 + 512, `${each.toFixed(0)} bytes`);
    await mesh.close();
  });
});
