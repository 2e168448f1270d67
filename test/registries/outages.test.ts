import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outages } from './scenarios/outages.js';
import { EVERY_REGISTRY } from './support/every-registry.js';

/** `npm run registries:soak` holds each for two minutes. */
const HOLD_MS = 15_000;
/** No request waits for a registry; a request that did would wait for seconds. What is left is a machine with many servers on it. */
const SLOWEST_MS = 2_000;
/** The issue of a busy machine apart: within two seconds of the first connection that succeeds. */
const CURRENT_WITHIN_MS = 2_000;

describe('a registry that goes away under load', { concurrency: true }, () => {
  for (const [name, start] of Object.entries(EVERY_REGISTRY)) {
    it(`${name}: no request fails or waits, the state says since when the list is stale, and the list is current soon after`, async (test) => {
      const registry = await start();
      try {
        for (const outage of await outages(registry, HOLD_MS)) {
          const { kind, during, noticedAfterMs, currentAfterConnectionMs } = outage;
          test.diagnostic(`${kind}: ${JSON.stringify(outage)}`);
          assert.deepEqual(during.failures, [], `${kind}: failed requests`);
          assert.ok(during.requests > 500, `${kind}: ${during.requests} requests are no load`);
          assert.ok(during.slowestMs < SLOWEST_MS, `${kind}: a request took ${during.slowestMs} ms`);
          assert.ok(noticedAfterMs !== undefined, `${kind}: the state did not say that the list is stale`);
          if (currentAfterConnectionMs !== undefined && registry.traits.live) {
            assert.ok(
              currentAfterConnectionMs < CURRENT_WITHIN_MS,
              `${kind}: current ${currentAfterConnectionMs} ms after the first connection`,
            );
          }
        }
      } finally {
        await registry.stop();
      }
    });
  }
});
