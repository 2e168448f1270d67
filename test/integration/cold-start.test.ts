import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MeshError, standard } from '../../src/index.js';
import { mockRegistry } from '../../src/testing/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

describe('the first calls of a service', () => {
  it('share one watch, however many they are', async () => {
    const { mesh, clock, registry, far } = virtualMesh();
    registry.delay(300);
    const calls = Array.from({ length: 50 }, () => watched(mesh.fetch('http://users/')));
    await clock.advance(299);
    assert.equal(registry.lookups, 1);
    assert.ok(calls.every(({ state }) => state === 'waiting'));
    await clock.advance(1);
    assert.ok(calls.every(({ response }) => response.status === 200));
    assert.equal(registry.lookups, 1);
    assert.equal(far.requests.length, 50);
  });

  it('are followed by calls that ask no registry at all', async () => {
    const { mesh, clock, registry } = virtualMesh();
    await mesh.fetch('http://users/');
    registry.fail();
    for (let i = 0; i < 100; i++) assert.equal((await mesh.fetch('http://users/')).status, 200);
    await clock.advance(3_600_000);
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    assert.equal(registry.lookups, 1);
  });

  it('fail with a code of their own when no list comes in time', async () => {
    const { mesh, clock, registry } = virtualMesh({ cache: { coldTimeoutMs: 2_000 } });
    registry.delay(1e9);
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(1_999);
    assert.equal(call.state, 'waiting');
    await clock.advance(1);
    assert.equal(call.error.code, 'ERR_MESH_DISCOVERY_TIMEOUT');
    assert.equal(call.error.name, 'TimeoutError');
    assert.match(call.error.message, /^users: no list of endpoints came within 2000 ms \(cache\.coldTimeoutMs\)/);
  });

  it('fail with that code too when their own time is over first, and the message says whose it was', async () => {
    for (const timeoutMs of [10, 700, 1_000, 1_001]) {
      const policies = standard({ timeoutMs, attemptTimeoutMs: timeoutMs / 2 });
      const { mesh, clock, registry } = virtualMesh({ cache: { coldTimeoutMs: 2_000 }, defaults: { policies } });
      registry.delay(1e9);
      await clock.advance(5);
      const call = watched(mesh.fetch('http://users/'));
      await clock.advance(timeoutMs);
      assert.equal(call.error.code, 'ERR_MESH_DISCOVERY_TIMEOUT');
      assert.match(call.error.message, /what the call had left of its own time/);
    }
  });

  it('tell a registry that is down from one that does not know the service', async () => {
    const { mesh, registry } = virtualMesh();
    const unknown = mesh.fetch('http://nobody/');
    await assert.rejects(unknown, (error: MeshError) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, 'ERR_MESH_UNKNOWN_SERVICE');
      assert.equal(error.service, 'nobody');
      return true;
    });
    const cause = new Error('connect ECONNREFUSED');
    registry.fail(cause);
    await assert.rejects(mesh.fetch('http://orders/'), { code: 'ERR_MESH_DISCOVERY', service: 'orders', cause });
  });

  it('are not retried, and cost the retry budget nothing, when there is no list', async () => {
    const { mesh, clock, registry } = virtualMesh();
    const retries: unknown[] = [];
    mesh.on('retry', (event) => retries.push(event));
    registry.fail();
    for (let i = 0; i < 20; i++) await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_DISCOVERY', attempts: [] });
    await clock.advance(10_000);
    assert.deepEqual(retries, []);
  });

  it('fail at once while a failure is fresh, and ask anew after that', async () => {
    const { mesh, clock, registry } = virtualMesh({ cache: { negativeTtlMs: 500 } });
    registry.fail();
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_DISCOVERY' });
    registry.delay(100);
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_DISCOVERY' });
    assert.equal(registry.lookups, 1);
    await clock.advance(500);
    const asked = watched(mesh.fetch('http://users/'));
    await clock.settle();
    assert.equal(registry.lookups, 2);
    registry.recover();
    await clock.advance(100);
    assert.equal(asked.response.status, 200);
  });

  it('are released by an abort at once', async () => {
    const { mesh, clock, registry } = virtualMesh();
    registry.delay(1e9);
    const controller = new AbortController();
    const call = watched(mesh.fetch('http://users/', { signal: controller.signal }));
    await clock.advance(10);
    controller.abort();
    await clock.settle();
    assert.equal((call.reason as Error).name, 'AbortError');
    assert.equal(mesh.inspect().services.users?.active, 0);
  });

  it('find an empty service known and without endpoints', async () => {
    const { mesh, registry } = virtualMesh({ registry: mockRegistry({ users: [] }) });
    await assert.rejects(mesh.fetch('http://users/', { mesh: { retry: false } }), { code: 'ERR_MESH_NO_ENDPOINT' });
    registry.add('users', address(1));
    assert.equal((await mesh.fetch('http://users/')).status, 200);
  });
});

describe('a registry that fails later', () => {
  it('leaves the list as it was, with its age in sight', async () => {
    const { mesh, clock, registry } = virtualMesh();
    await mesh.fetch('http://users/');
    await clock.advance(60_000);
    registry.fail(new Error('gone away'));
    await clock.advance(30_000);
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    const { discovery, endpoints } = mesh.inspect().services.users ?? {};
    assert.equal(endpoints?.length, 3);
    const { listAgeMs, staleSinceMs, lastError } = discovery as Record<string, unknown>;
    assert.equal(listAgeMs, 90_000);
    assert.equal(staleSinceMs, 60_000);
    assert.equal(lastError, 'gone away');
  });

  it('that comes back empty is not believed for a while, and then it is', async () => {
    const { mesh, clock, registry } = virtualMesh({ cache: { holdMs: 20_000 } });
    await mesh.fetch('http://users/');
    const held: unknown[] = [];
    mesh.on('listHeld', (event) => held.push(event));
    registry.goEmpty('users');
    assert.deepEqual(held, [{ service: 'users', from: 3, to: 0, forMs: 20_000 }]);
    await clock.advance(19_999);
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    await clock.advance(1);
    await assert.rejects(mesh.fetch('http://users/', { mesh: { retry: false } }), { code: 'ERR_MESH_NO_ENDPOINT' });
  });
});
