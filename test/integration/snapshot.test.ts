import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createMesh, type Discovery, type MeshEventName } from '../../src/index.js';
import { mockRegistry, mockTransport, VirtualClock } from '../../src/testing/index.js';
import { temporaryFolder, until } from '../discovery/recording-sink.js';

const ADDRESSES = ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80', 'http://10.0.0.4:80'];

/** A mesh as one process after the other makes it, with the same file. */
function start(path: string, discovery: Discovery, { maxAgeMs, afterMs = 0 }: { maxAgeMs?: number; afterMs?: number } = {}) {
  const clock = new VirtualClock({ wallTimeMs: Date.UTC(2026, 0, 1) + afterMs });
  const mesh = createMesh({ discovery, transport: mockTransport(), clock, cache: { snapshot: { path, maxAgeMs } } });
  const events: string[] = [];
  for (const name of ['listRestored', 'registryFailed', 'registryRecovered', 'listHeld', 'snapshotFailed'] satisfies MeshEventName[])
    mesh.on(name, () => events.push(name));
  const state = () => mesh.inspect().services.users?.discovery as Record<string, unknown>;
  return { mesh, clock, events, state, endpoints: () => mesh.inspect().services.users?.endpoints.map(({ id }) => id) ?? [] };
}

/** The file that a process leaves that knew the service. */
async function left(test: TestContext): Promise<string> {
  const path = join(temporaryFolder(test), 'lists.snapshot');
  const { mesh } = start(path, mockRegistry({ users: ADDRESSES }));
  assert.equal((await mesh.fetch('http://users/')).status, 200);
  await mesh.close();
  assert.ok(existsSync(path));
  return path;
}

describe('a mesh with a snapshot', () => {
  it('starts while its registry is down, and says how old the list is', async (test) => {
    const path = await left(test);
    const registry = mockRegistry({ users: ADDRESSES });
    registry.fail();
    const { mesh, events, state, clock } = start(path, registry, { afterMs: 3_600_000 });
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    await mesh.ready(['users'], { minEndpoints: 4 });
    assert.deepEqual(events, ['registryFailed', 'listRestored']);
    await clock.advance(1_000);
    assert.equal(state().snapshotAgeMs, 3_601_000);
    assert.equal(state().staleSinceMs, 0);
    assert.equal(state().listAgeMs, undefined);
    assert.equal(state().lastError, 'the mock registry was told to fail');

    registry.recover();
    assert.deepEqual(events, ['registryFailed', 'listRestored', 'registryRecovered']);
    assert.equal(state().snapshotAgeMs, undefined);
    assert.equal(state().listAgeMs, 0);
    await mesh.close();
  });

  it('waits a moment for a registry that says nothing', async (test) => {
    const path = await left(test);
    const registry = mockRegistry({ users: ADDRESSES });
    registry.delay(60_000);
    const { mesh, events, clock } = start(path, registry);
    const answer = mesh.fetch('http://users/');
    await clock.advance(999);
    assert.deepEqual(events, []);
    await clock.advance(1);
    await until(() => events.length > 0, 'the list');
    assert.deepEqual(events, ['listRestored']);
    assert.equal((await answer).status, 200);
    await mesh.close();
  });

  it('takes the first list of its source for the truth where there is no reason to doubt it', async (test) => {
    const path = await left(test);
    const registry = mockRegistry({ users: ADDRESSES });
    registry.fail();
    const { mesh, endpoints, events } = start(path, registry);
    await mesh.fetch('http://users/');
    registry.set('users', [...ADDRESSES.slice(1), 'http://10.0.0.9:80']);
    registry.recover();
    assert.deepEqual(endpoints().sort(), [...ADDRESSES.slice(1), 'http://10.0.0.9:80'].sort());
    assert.ok(!events.includes('listHeld'));
    await mesh.close();
  });

  it('doubts an empty list that comes after it, as it would have doubted it before', async (test) => {
    const path = await left(test);
    const registry = mockRegistry({ users: ADDRESSES });
    registry.fail();
    const { mesh, endpoints, events, clock } = start(path, registry);
    await mesh.fetch('http://users/');
    registry.set('users', []);
    registry.recover();
    assert.equal(endpoints().length, 4);
    assert.ok(events.includes('listHeld'));
    await clock.advance(30_000);
    assert.equal(endpoints().length, 0);
    await mesh.close();
  });

  it('drops what its source does not name before long, also where that only tells of changes', async (test) => {
    const path = await left(test);
    const registry = mockRegistry();
    let tell = (_urls: readonly string[]): void => {};
    const changes: Discovery = {
      name: registry.name,
      watch(_service, sink) {
        sink.failed(new Error('not yet'));
        tell = (urls) => sink.patch({ upsert: urls });
        return () => {};
      },
    };
    const { mesh, endpoints, clock, state } = start(path, changes);
    await mesh.fetch('http://users/');
    tell([]);
    assert.notEqual(state().snapshotAgeMs, undefined, 'which says nothing of what there is');
    tell(ADDRESSES.slice(0, 1));
    await clock.advance(10_000);
    tell(ADDRESSES.slice(1, 2));
    assert.equal(endpoints().length, 4);
    await clock.advance(20_000);
    assert.deepEqual(endpoints(), ADDRESSES.slice(0, 2));
    await mesh.close();
  });

  it('does not use a list that is too old', async (test) => {
    const path = await left(test);
    const registry = mockRegistry();
    registry.fail();
    const { mesh } = start(path, registry, { afterMs: 86_400_001 });
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_DISCOVERY' });
    await mesh.close();
  });

  it('does not use a list where the registry answers and does not know the service', async (test) => {
    const path = await left(test);
    const { mesh, events } = start(path, mockRegistry());
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_UNKNOWN_SERVICE' });
    assert.deepEqual(events, []);
    await mesh.close();
  });

  it('starts without a file, and with one that is broken', async (test) => {
    const registry = mockRegistry({ users: ADDRESSES });
    const { mesh, events } = start(join(temporaryFolder(test), 'a', 'b', 'lists'), registry);
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    assert.deepEqual(events, []);
    await mesh.close();
    registry.fail();
    const broken = start(temporaryFolder(test), registry);
    await assert.rejects(broken.mesh.fetch('http://users/'), { code: 'ERR_MESH_DISCOVERY' });
    assert.deepEqual(broken.events.sort(), ['registryFailed', 'snapshotFailed']);
    await broken.mesh.close();
  });
});
