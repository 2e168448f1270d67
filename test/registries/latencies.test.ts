import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { latencies } from './scenarios/latencies.js';
import { EVERY_REGISTRY } from './support/every-registry.js';

const ROUNDS = 40;
/** On a quiet machine the slowest of a hundred stays below this (docs/registries/measurements.md). A busy one gets more for its slowest. */
const USUAL_MS = 100;

/** One after the other: they measure. */
describe('a change on its way through a registry', () => {
  for (const [name, start] of Object.entries(EVERY_REGISTRY)) {
    it(`${name}: a new instance is called, and a removed one is left, soon after`, async (test) => {
      const registry = await start();
      try {
        const measured = await latencies(registry, registry.traits.live ? ROUNDS : 3);
        test.diagnostic(JSON.stringify(measured));
        const { announcedToServed, removedToLastSent, seenToLastSent } = measured;
        const boundMs = registry.traits.live ? USUAL_MS : registry.traits.seenWithinMs;
        assert.ok(announcedToServed.p50Ms < boundMs, `half of the instances took ${announcedToServed.p50Ms} ms to be called`);
        assert.ok(removedToLastSent.p50Ms < boundMs, `half of the instances were called for another ${removedToLastSent.p50Ms} ms`);
        assert.equal(seenToLastSent.p99Ms, 0, 'requests were sent to an instance whose removal had been seen');
      } finally {
        await registry.stop();
      }
    });
  }
});
