import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byMetadata } from '../../../src/balancing/metadata/by-metadata.js';
import { createMesh, p2c } from '../../../src/index.js';
import { mockRegistry, mockTransport } from '../../../src/testing/index.js';

test('a retry stays with the version that its call wants, although the others are all that was not tried', async () => {
  const transport = mockTransport();
  const discovery = mockRegistry({
    users: ['v2', 'v2', 'v1', 'v1'].map((version, index) => ({ url: `http://10.0.0.${index}:80`, metadata: { version } })),
  });
  for (const index of [0, 1]) transport.on(`http://10.0.0.${index}:80`, { fault: 'refuse' });
  await using mesh = createMesh({
    discovery,
    transport,
    defaults: { balancer: byMetadata(p2c(), { by: { version: { header: 'x-version' } }, fallback: 'any' }) },
  });
  for (let i = 0; i < 2; i++) await assert.rejects(mesh.fetch('http://users/', { headers: { 'x-version': 'v2' } }));
  assert.deepEqual(Object.keys(transport.counts).sort(), ['http://10.0.0.0:80', 'http://10.0.0.1:80']);
  assert.ok(
    transport.requests.some(({ attempt }) => attempt > 1),
    'nothing was retried',
  );
  const pinned = await mesh.fetch('http://users/', { headers: { 'x-version': 'v2' }, mesh: { endpoint: 'http://10.0.0.3:80' } });
  assert.equal(pinned.status, 200);
});
