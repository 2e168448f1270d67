import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMesh, type Discovery, type Lease, MeshError, standard, staticDiscovery } from '../../src/index.js';
import { mockRegistry, mockTransport, VirtualClock } from '../../src/testing/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

/** How a promise stands. */
function stateOf(promise: Promise<unknown>): () => 'waiting' | 'done' | string {
  let state = 'waiting';
  promise.then(
    () => {
      state = 'done';
    },
    (error) => {
      state = error instanceof MeshError ? error.code : String(error);
    },
  );
  return () => state;
}

describe('mesh.ready', () => {
  it('waits until each service has endpoints, however often the source fails meanwhile', async () => {
    const { mesh, clock, registry } = virtualMesh({ registry: mockRegistry({ users: [address(1)] }) });
    registry.fail();
    const ready = stateOf(mesh.ready(['users', 'orders'], { timeoutMs: 5_000, minEndpoints: 2 }));
    await clock.advance(1_000);
    assert.equal(ready(), 'waiting');
    registry.recover();
    registry.add('orders', address(5));
    registry.add('orders', address(6));
    await clock.advance(1_000);
    assert.equal(ready(), 'waiting');
    registry.add('users', address(2));
    await clock.advance(10);
    assert.equal(ready(), 'done');
    assert.equal(clock.pendingTimers, 0);
  });

  it('fails in time with a code of its own, the service and what is known', async () => {
    const { mesh, clock } = virtualMesh({ endpoints: 1 });
    const ready = mesh.ready(['users'], { timeoutMs: 700, minEndpoints: 3 });
    const failed = assert.rejects(ready, {
      name: 'TimeoutError',
      code: 'ERR_MESH_DISCOVERY_TIMEOUT',
      service: 'users',
      message: 'users: 1 of 3 endpoints are known after 700 ms',
    });
    await clock.advance(700);
    await failed;
  });

  it('means the services of the options where no names are given', async () => {
    const registry = mockRegistry({ users: [address(1)] });
    const { mesh, clock } = virtualMesh({ registry, services: { users: {}, orders: {} } });
    const ready = stateOf(mesh.ready());
    await clock.settle();
    assert.equal(ready(), 'waiting');
    registry.add('orders', address(2));
    await clock.settle();
    assert.equal(ready(), 'done');
  });

  it('refuses nonsense', async () => {
    const { mesh } = virtualMesh();
    await assert.rejects(mesh.ready('users' as never), { code: 'ERR_MESH_CONFIG', message: /ready must be a list of services' names/ });
    await assert.rejects(mesh.ready(['a b']), { code: 'ERR_MESH_REQUEST' });
    await assert.rejects(mesh.ready(['users'], { timeoutMs: 0 }), { code: 'ERR_MESH_CONFIG', message: /ready.timeoutMs/ });
    await assert.rejects(mesh.ready(['users'], { minEndpoints: -1 }), { code: 'ERR_MESH_CONFIG', message: /ready.minEndpoints/ });
  });
});

describe('mesh.close', () => {
  it('lets calls under way finish, their bodies included, and refuses new ones at once', async () => {
    const { mesh, clock, far } = virtualMesh({
      scripts: { [address(1)]: { latencyMs: 100, body: 'all of it', bodyMs: 200 } },
      endpoints: 1,
    });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const close = stateOf(mesh.close());
    const late = [
      watched(mesh.fetch('http://users/')),
      watched(mesh.fetch('http://never-seen/')),
      watched(mesh.service('users').fetch('/')),
    ];
    await clock.advance(150);
    assert.deepEqual(
      late.map(({ error }) => error.code),
      ['ERR_MESH_CLOSED', 'ERR_MESH_CLOSED', 'ERR_MESH_CLOSED'],
    );
    const text = call.response.text();
    assert.equal(close(), 'waiting');
    await clock.advance(150);
    assert.equal(await text, 'all of it');
    await clock.settle();
    assert.equal(close(), 'done');
    assert.equal(far.requests.length, 1);
  });

  it('lets calls in a queue and between two attempts finish as well', async () => {
    const policies = standard({ bulkhead: { concurrency: 1, queue: 5, queueTimeoutMs: 4_000 } });
    const { mesh, clock, far } = virtualMesh({ defaults: { policies }, endpoints: 1 });
    far.on(address(1), [{ status: 429, headers: { 'retry-after': '1' } }, { status: 200 }]);
    const retried = watched(mesh.fetch('http://users/'));
    const queued = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const close = stateOf(mesh.close({ graceMs: 5_000 }));
    await clock.advance(2_000);
    assert.equal(retried.response.status, 200);
    assert.equal(queued.response.status, 200);
    assert.equal(close(), 'done');
  });

  it('ends everything with ERR_MESH_CLOSED when the grace is over: on the wire, in a body, in a queue, between attempts, without a list', async () => {
    const registry = mockRegistry({ users: [address(1)], limited: [address(2)], slow: [address(3)] });
    const policies = standard({ bulkhead: { concurrency: 1, queue: 5, queueTimeoutMs: 20_000 } });
    const { mesh, clock, far } = virtualMesh({ registry, defaults: { policies } });
    far.on(address(1), { fault: 'hang' });
    far.on(address(2), { status: 429, headers: { 'retry-after': '25' } });
    far.on(address(3), { body: 'half', bodyMs: 1e9 });
    const streaming = watched(mesh.fetch('http://slow/'));
    const onTheWire = watched(mesh.fetch('http://users/'));
    const inQueue = watched(mesh.fetch('http://users/'));
    const between = watched(mesh.fetch('http://limited/'));
    registry.delay(1e9);
    const withoutList = watched(mesh.fetch('http://elsewhere/', { mesh: { timeoutMs: 1e9 } }));
    await clock.advance(100);
    const body = assert.rejects(streaming.response.text(), { code: 'ERR_MESH_CLOSED' });
    const close = stateOf(mesh.close({ graceMs: 2_000 }));
    await clock.advance(1_999);
    assert.equal(close(), 'waiting');
    assert.equal(onTheWire.state, 'waiting');
    await clock.advance(1);
    assert.equal(close(), 'done');
    for (const { error } of [onTheWire, inQueue, between, withoutList]) {
      assert.equal(error.code, 'ERR_MESH_CLOSED');
      assert.match(error.message, /the mesh was closed while the call was under way/);
    }
    await body;
    assert.equal(far.open, 0);
    assert.equal(registry.watches, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('waits for nothing when there is no grace', async () => {
    const { mesh, clock } = virtualMesh({ scripts: { [address(1)]: { fault: 'hang' } }, endpoints: 1 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    await mesh.close({ graceMs: 0 });
    await clock.settle();
    assert.equal(call.error.code, 'ERR_MESH_CLOSED');
  });

  it('may be called twice, and `await using` calls it', async () => {
    const { mesh, clock, registry } = virtualMesh();
    assert.equal(mesh.close(), mesh.close());
    await mesh.close();
    const other = new VirtualClock();
    {
      await using inner = createMesh({ discovery: registry, transport: mockTransport(), clock: other });
      await inner.fetch('http://users/');
      assert.equal(registry.watches, 1);
    }
    assert.equal(registry.watches, 0);
    assert.equal(other.pendingTimers, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('starts no watch for a call or a readiness probe that comes too late', async () => {
    const { mesh, registry } = virtualMesh();
    await mesh.close();
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(mesh.service('orders').fetch('/'), { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(mesh.ready(['users']), { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(mesh.announce({ service: 'users', url: address(9) }), { code: 'ERR_MESH_CLOSED' });
    assert.equal(registry.lookups, 0);
    assert.deepEqual(mesh.inspect().services, {});
  });

  it('refuses a grace that is no time', () => {
    const { mesh } = virtualMesh();
    assert.throws(() => mesh.close({ graceMs: -1 }), { code: 'ERR_MESH_CONFIG', message: /close.graceMs/ });
  });

  it('takes announced instances back before it waits for calls', async () => {
    const { mesh, clock, registry } = virtualMesh({ scripts: { [address(1)]: { latencyMs: 1_000 } }, endpoints: 1 });
    await mesh.announce({ service: 'orders', url: address(8) });
    const observer = createMesh({ discovery: registry, transport: mockTransport(), clock });
    await observer.ready(['orders']);
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const close = mesh.close();
    await clock.advance(10);
    assert.deepEqual(observer.inspect().services.orders?.endpoints, []);
    assert.equal(call.state, 'waiting');
    await clock.advance(1_000);
    await close;
    assert.equal(call.response.status, 200);
  });

  it('takes an instance back whose announcement came through only after that', async () => {
    let announced: (lease: Lease) => void = () => {};
    let closed = 0;
    const registry = mockRegistry();
    const slow: Discovery = {
      name: 'slow',
      watch: registry.watch,
      announce: () =>
        new Promise((resolve) => {
          announced = resolve;
        }),
    };
    const mesh = createMesh({ discovery: slow, transport: mockTransport(), clock: new VirtualClock() });
    const announcing = mesh.announce({ service: 'users', url: address(1) });
    await mesh.close();
    announced({ id: address(1), close: async () => void closed++ });
    await assert.rejects(announcing, { code: 'ERR_MESH_CLOSED' });
    assert.equal(closed, 1);
  });

  it('is not held up by a registry that does not answer', async () => {
    const clock = new VirtualClock();
    const registry = mockRegistry({ users: [address(1)] });
    const stuck: Discovery = {
      name: 'stuck',
      watch: registry.watch,
      announce: async () => ({ id: 'x', close: () => new Promise<void>(() => {}) }),
      close: () => Promise.reject(new Error('the registry is gone')),
    };
    let transportClosed = false;
    const transport = {
      ...mockTransport(),
      close() {
        transportClosed = true;
      },
    };
    const mesh = createMesh({ discovery: stuck, transport, clock });
    await mesh.announce({ service: 'users', url: address(1) });
    await mesh.fetch('http://users/');
    const close = stateOf(mesh.close());
    await clock.advance(6_000);
    assert.equal(close(), 'Error: the registry is gone');
    assert.equal(transportClosed, true);
    assert.equal(registry.watches, 0);
  });
});

describe('a service that made room for others', () => {
  it('keeps its endpoints, breakers and connections as long as it is in use, and is closed after that', async () => {
    const registry = mockRegistry({ a: [address(1)], b: [address(2)], c: [address(3)] });
    const { mesh, clock, far } = virtualMesh({ registry, cache: { maxServices: 1 } });
    far.on(address(1), { body: 'long', bodyMs: 5_000 });
    const download = watched(mesh.fetch('http://a/'));
    await clock.settle();
    const text = download.response.text();
    await mesh.fetch('http://b/');
    await mesh.fetch('http://c/');
    assert.deepEqual(Object.keys(mesh.inspect().services).sort(), ['a', 'c']);
    assert.equal(registry.watches, 2);
    await clock.advance(2_000);
    registry.add('a', address(4));
    assert.equal(mesh.inspect().services.a?.endpoints.length, 2, 'it is still being watched');
    await clock.advance(3_000);
    assert.equal(await text, 'long');
    assert.deepEqual(Object.keys(mesh.inspect().services), ['c']);
    assert.equal(registry.watches, 1);
  });

  it('is found under its name again while it is in use', async () => {
    const registry = mockRegistry({ a: [address(1)], b: [address(2)] });
    const { mesh, clock, far } = virtualMesh({ registry, cache: { maxServices: 1 } });
    far.on(address(1), { body: 'long', bodyMs: 5_000 });
    watched(mesh.fetch('http://a/'));
    await clock.settle();
    await mesh.fetch('http://b/');
    watched(mesh.fetch('http://a/'));
    await clock.settle();
    assert.equal(registry.lookups, 2);
    assert.equal(mesh.inspect().services.a?.endpoints[0]?.requests, 2);
    await mesh.close({ graceMs: 0 });
  });
});

describe('a mesh of a static list', () => {
  it('is ready at once', async () => {
    const mesh = createMesh({ discovery: staticDiscovery({ users: [address(1)] }), transport: mockTransport(), clock: new VirtualClock() });
    await mesh.ready(['users']);
    await mesh.close();
  });
});
