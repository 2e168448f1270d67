import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMesh } from 'fetchmesh';
import { mockRegistry, mockTransport, VirtualClock } from 'fetchmesh/testing';

// #region outage
test('a registry that comes back empty from a restart takes nothing away', async () => {
  const clock = new VirtualClock();
  const registry = mockRegistry({ users: ['http://10.0.0.1', 'http://10.0.0.2'] });
  const mesh = createMesh({ discovery: registry, transport: mockTransport(), clock });
  const events: string[] = [];
  mesh.on('registryFailed', () => events.push('failed'));
  mesh.on('registryRecovered', () => events.push('recovered'));
  mesh.on('listHeld', ({ from, to }) => events.push(`held at ${from}, not ${to}`));
  await mesh.fetch('http://users/');

  registry.fail(new Error('connection refused'));
  await clock.advance(3_600_000);
  assert.equal((await mesh.fetch('http://users/')).status, 200, 'the last list serves for as long as it takes');

  registry.recover();
  registry.goEmpty('users');
  assert.equal((await mesh.fetch('http://users/')).status, 200, 'an empty list is not believed at once');
  assert.deepEqual(events, ['failed', 'recovered', 'held at 2, not 0']);
  await mesh.close();
});
// #endregion
