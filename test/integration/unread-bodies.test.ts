import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createMesh, type Mesh, type StandardOptions, standard, staticDiscovery } from '../../src/index.js';
import { until } from '../support/replicas.js';
import { httpServer, type TestServer } from '../support/servers.js';

/**
 * Callers who look at the status and drop the answer. With as many places as the bulkhead has, each answer that
 * held its place for ever would be one call fewer, and after twenty of them there would be none.
 */

const CONCURRENCY = 20;
const SMALL = Buffer.alloc(100, 's');
const LARGE = Buffer.alloc(1024 * 1024, 'l');

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

async function setUp(body: Buffer, queue: number, options: StandardOptions = {}): Promise<{ server: TestServer; mesh: Mesh }> {
  const server = await httpServer((_, response) => response.end(body));
  started.push(server);
  const bulkhead = { concurrency: CONCURRENCY, queue, queueTimeoutMs: 110_000 };
  const mesh = createMesh({
    discovery: staticDiscovery({ users: [server.origin] }),
    defaults: {
      connections: { max: CONCURRENCY },
      policies: standard({ timeoutMs: 120_000, attemptTimeoutMs: 60_000, bulkhead, retry: false, ...options }),
    },
  });
  started.push({ close: () => mesh.close({ graceMs: 0 }) });
  return { server, mesh };
}

function collectGarbage(): void {
  assert.ok(globalThis.gc, 'these tests need node --expose-gc');
  globalThis.gc();
}

async function assertNothingLeft(mesh: Mesh, server: TestServer): Promise<void> {
  await until(() => {
    collectGarbage();
    return mesh.inspect().services.users?.active === 0;
  }, 'no call is active');
  assert.equal(mesh.inspect().services.users?.endpoints[0]?.inFlight, 0);
  await mesh.close();
  await until(() => server.sockets.size === 0, 'no socket is open');
}

describe('10,000 answers that nobody reads, twenty at a time', () => {
  it('of 100 bytes are all served, over as many connections', async () => {
    const { server, mesh } = await setUp(SMALL, 10_000);
    const statuses = await Promise.all(Array.from({ length: 10_000 }, async () => (await mesh.fetch('http://users/')).ok));
    assert.ok(statuses.every(Boolean));
    assert.ok(server.accepted <= CONCURRENCY, `${server.accepted} connections`);
    await assertNothingLeft(mesh, server);
  });

  it('of 1 MB are all served, since the garbage collector gives the places back', async () => {
    const { server, mesh } = await setUp(LARGE, 10_000);
    let left = 10_000;
    let ok = 0;
    const caller = async () => {
      while (left-- > 0) if ((await mesh.fetch('http://users/')).ok) ok++;
    };
    let all = false;
    const done = Promise.all(Array.from({ length: 2 * CONCURRENCY }, caller)).then(() => {
      all = true;
    });
    // A process that does something else than wait collects its garbage by itself.
    while (!all) {
      let before = ok;
      for (let still = 0; still < 30 && !all; before = ok) {
        await turn();
        still = ok === before ? still + 1 : 0;
      }
      if (!all) collectGarbage();
    }
    await done;
    assert.equal(ok, 10_000);
    await assertNothingLeft(mesh, server);
  });

  it('of 1 MB are also served without it, since a body may not stand still for ever', async () => {
    const { server, mesh } = await setUp(LARGE, 10_000, { bodyIdleTimeoutMs: 20 });
    // The responses are held, so that nothing can be collected.
    const held = await Promise.all(Array.from({ length: 1_000 }, () => mesh.fetch('http://users/')));
    assert.ok(held.every((response) => response.ok));
    await assertNothingLeft(mesh, server);
    await assert.rejects((held[0] as Response).text(), { code: 'ERR_MESH_BODY_IDLE' });
  });
});

describe('an answer of which only the beginning was read', () => {
  it('gives its place back when its reader is gone', async () => {
    const { server, mesh } = await setUp(LARGE, 1_000);
    const readSome = async () => {
      const response = await mesh.fetch('http://users/');
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      return ((await reader.read()).value?.length ?? 0) > 0;
    };
    let done = 0;
    const calls = Array.from({ length: 200 }, () => readSome().then((some) => done++ >= 0 && some));
    while (done < 200) {
      await turn();
      collectGarbage();
    }
    assert.ok((await Promise.all(calls)).every(Boolean));
    await assertNothingLeft(mesh, server);
  });

  it('gives its place back at once when its reader cancels', async () => {
    const { server, mesh } = await setUp(LARGE, 1_000);
    const results = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const response = await mesh.fetch('http://users/');
        await response.body?.cancel();
        return response.status;
      }),
    );
    assert.ok(results.every((status) => status === 200));
    assert.equal(mesh.inspect().services.users?.active, 0);
    await assertNothingLeft(mesh, server);
  });
});

describe('a clone', () => {
  it('that nobody reads keeps the place until both are gone', async () => {
    const { server, mesh } = await setUp(LARGE, 1_000);
    const cloned = async () => {
      const response = await mesh.fetch('http://users/');
      response.clone();
      return response.ok;
    };
    let done = 0;
    const calls = Array.from({ length: 100 }, () => cloned().then((ok) => done++ >= 0 && ok));
    while (done < 100) {
      await turn();
      collectGarbage();
    }
    assert.ok((await Promise.all(calls)).every(Boolean));
    await assertNothingLeft(mesh, server);
  });
});
