import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DiscoverySink, InstanceInput } from '../../src/index.js';
import { createMesh } from '../../src/index.js';
import { type MockRegistry, mockRegistry, mockTransport, seededRandom, VirtualClock } from '../../src/testing/index.js';

const A = 'http://10.0.0.1:80';
const B = 'http://10.0.0.2:80';

/** Watches a service and writes down what is said. */
function watch(registry: MockRegistry, service = 'users', clock = new VirtualClock()) {
  const said: unknown[] = [];
  const sink: DiscoverySink = {
    snapshot: (instances: readonly InstanceInput[], info) => said.push(info === undefined ? instances : [instances, info]),
    patch: (change) => said.push(change),
    failed: (error) => said.push(String((error as Error).message)),
  };
  const stop = registry.watch(service, sink, { clock, random: seededRandom(1), skipped() {}, announcementFailed() {}, announced() {} });
  return { said, stop, clock };
}

describe('mockRegistry', () => {
  it('says what it has at once, and then each change as it happens', () => {
    const registry = mockRegistry({ users: [A] });
    const { said } = watch(registry);
    registry.add('users', { url: B, id: 'b', weight: 2 });
    registry.add('users', { url: B, id: 'b', weight: 3 });
    registry.remove('users', 'b');
    registry.set('users', [B]);
    registry.set('users', [A, B], { live: true });
    registry.goEmpty('users');
    assert.deepEqual(said, [
      [A],
      { upsert: [{ url: B, id: 'b', weight: 2 }] },
      { upsert: [{ url: B, id: 'b', weight: 3 }] },
      { remove: ['b'] },
      [B],
      [[A, B], { live: true }],
      [],
    ]);
  });

  it('tells each watcher of its own service alone', () => {
    const registry = mockRegistry({ users: [A], orders: [B] });
    const users = watch(registry);
    const orders = watch(registry, 'orders');
    registry.remove('orders', B);
    assert.deepEqual(users.said, [[A]]);
    assert.deepEqual(orders.said, [[B], { remove: [B] }]);
  });

  it('does not know a service that it was not told of, until it is', () => {
    const registry = mockRegistry();
    assert.equal(registry.declares?.('users'), false);
    const { said } = watch(registry);
    assert.match(String(said[0]), /knows no service of this name/);
    registry.add('users', A);
    assert.deepEqual(said[1], [A]);
    assert.equal(registry.declares?.('users'), true);
  });

  it('fails for every watcher and for new ones, and shows the lists as they are when it recovers', () => {
    const registry = mockRegistry({ users: [A] });
    const early = watch(registry);
    registry.fail(new Error('down'));
    const late = watch(registry);
    registry.add('users', B);
    assert.deepEqual(early.said, [[A], 'down']);
    assert.deepEqual(late.said, ['down']);
    registry.recover();
    assert.deepEqual(early.said.at(-1), [A, B]);
    assert.deepEqual(late.said.at(-1), [A, B]);
  });

  it('keeps new watchers waiting as long as it is told to, on their clock', async () => {
    const registry = mockRegistry({ users: [A] });
    registry.delay(200);
    const { said, clock, stop } = watch(registry);
    await clock.advance(199);
    assert.deepEqual(said, []);
    await clock.advance(1);
    assert.deepEqual(said, [[A]]);
    stop();
    const impatient = watch(registry);
    impatient.stop();
    await impatient.clock.advance(500);
    assert.deepEqual(impatient.said, []);
    assert.equal(impatient.clock.pendingTimers, 0);
  });

  it('says nothing to who stopped watching, and counts who watches', () => {
    const registry = mockRegistry({ users: [A] });
    const { said, stop } = watch(registry);
    watch(registry);
    assert.deepEqual([registry.watches, registry.lookups], [2, 2]);
    stop();
    stop();
    registry.add('users', B);
    assert.deepEqual(said, [[A]]);
    assert.deepEqual([registry.watches, registry.lookups], [1, 2]);
  });

  it('takes announcements, and takes them back with the lease', async () => {
    const registry = mockRegistry();
    const mesh = createMesh({ discovery: registry, transport: mockTransport(), clock: new VirtualClock() });
    const lease = await mesh.announce({ service: 'users', url: A, zone: 'eu-1a' });
    assert.equal(lease.id, A);
    await mesh.ready(['users']);
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.zone, 'eu-1a');
    await lease.close();
    await lease.close();
    assert.deepEqual(mesh.inspect().services.users?.endpoints, []);
    registry.fail(new Error('down'));
    await assert.rejects(mesh.announce({ service: 'users', url: A }), /down/);
    await mesh.close();
  });

  it('refuses to remove what is not there: a test that does so is mistaken', () => {
    const registry = mockRegistry({ users: [A] });
    assert.throws(() => registry.remove('users', B), /has no instance 'http:\/\/10\.0\.0\.2:80' of users/);
    assert.throws(() => registry.remove('orders', A), /of orders/);
  });
});
