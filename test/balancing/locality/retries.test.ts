import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byLocality } from '../../../src/balancing/locality/by-locality.js';
import { createMesh, p2c } from '../../../src/index.js';
import { mockRegistry, mockTransport } from '../../../src/testing/index.js';

test('a retry does not leak from production into staging, although staging is all that was not tried', async () => {
  const transport = mockTransport();
  const discovery = mockRegistry({
    users: [
      { url: 'http://10.0.0.1:80', metadata: { environment: 'production' } },
      { url: 'http://10.0.0.2:80', metadata: { environment: 'production' } },
      { url: 'http://10.0.0.3:80', metadata: { environment: 'staging' } },
      { url: 'http://10.0.0.4:80' },
    ],
  });
  for (const host of ['10.0.0.1', '10.0.0.2']) transport.on(`http://${host}:80`, { fault: 'refuse' });
  await using mesh = createMesh({
    discovery,
    transport,
    defaults: { balancer: byLocality(p2c(), { environment: 'production' }) },
  });
  for (let i = 0; i < 3; i++) await assert.rejects(mesh.fetch('http://users/'));
  const asked = Object.keys(transport.counts).sort();
  assert.deepEqual(asked, ['http://10.0.0.1:80', 'http://10.0.0.2:80']);
  assert.ok(
    transport.requests.some(({ attempt }) => attempt > 1),
    'nothing was retried',
  );
});
