import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RegistryUnderTest } from '../support/registry-under-test.js';
import { rollingRestart } from '../support/rolling-restart.js';
import { startEtcd } from './under-test.js';

let registry: RegistryUnderTest;
before(async () => {
  registry = await startEtcd();
});
after(() => registry.stop());

describe('four replicas that are announced in etcd', () => {
  it('are restarted one after the other under 300 requests a second, of which none is lost', async (test) => {
    const outcome = await rollingRestart({
      discovery: registry.discovery(),
      recipe: registry.recipe(),
      service: 'rolling',
      propagationMs: 500,
    });
    test.diagnostic(`${outcome.requests} requests, ${outcome.retries} retries, p99 ${outcome.p99Ms.toFixed(1)} ms`);
    assert.deepEqual(outcome.failures, []);
    assert.ok(outcome.requests > 300 && outcome.processes > 4);
    assert.equal(outcome.drains.length, 4);
  });
});
