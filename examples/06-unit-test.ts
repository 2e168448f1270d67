import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMesh } from 'fetchmesh';
import { mockRegistry, mockTransport, seededRandom, VirtualClock } from 'fetchmesh/testing';

/** What is tested: code that is handed a `fetch`. */
async function nameOf(id: string, fetch: typeof globalThis.fetch): Promise<unknown> {
  const response = await fetch(`http://users/users/${id}`);
  return response.ok ? Object(await response.json()).name : undefined;
}

test('a user is found while one of two instances resets every connection, for ten minutes', async () => {
  const clock = new VirtualClock();
  const transport = mockTransport({
    'http://10.0.0.1:80': { fault: 'reset', latencyMs: 5 },
    'http://10.0.0.2:80': { body: { name: 'Ada' }, latencyMs: 20 },
  });
  const discovery = mockRegistry({ users: ['http://10.0.0.1', 'http://10.0.0.2'] });
  const mesh = createMesh({ discovery, transport, clock, random: seededRandom(1) });

  for (let second = 0; second < 600; second++) {
    const name = nameOf('42', mesh.fetch);
    await clock.advance(1_000);
    assert.equal(await name, 'Ada');
  }

  assert.ok((transport.counts['http://10.0.0.1:80'] ?? 0) < 100, 'the breaker keeps the calls away from the broken one');
  assert.equal(transport.open, 0);
  await mesh.close();
});
