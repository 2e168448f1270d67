import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RegistryUnderTest } from '../support/registry-under-test.js';
import { rollingRestart } from '../support/rolling-restart.js';
import { startConsul } from './under-test.js';

let registry: RegistryUnderTest;
before(async () => {
  registry = await startConsul();
});
after(() => registry.stop());

describe('four replicas that are announced in Consul', () => {
  it('are restarted one after the other under 300 requests a second, of which none is lost', async (test) => {
    const outcome = await rollingRestart({ discovery: registry.discovery(), recipe: registry.recipe(), service: 'rolling' });
    test.diagnostic(`${outcome.requests} requests, ${outcome.retries} retries, p99 ${outcome.p99Ms.toFixed(1)} ms`);
    assert.deepEqual(outcome.failures, []);
    assert.equal(outcome.processes, 8, 'the four replicas have answered, and the four that took their place');
    assert.ok(outcome.requests > 300, `${outcome.requests} requests`);
    assert.equal(outcome.drains.length, 4);
    for (const { removed, cut } of outcome.drains) assert.deepEqual({ removed, cut }, { removed: true, cut: 0 });
  });
});
