import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundRobin } from '../../../src/balancing/round-robin.js';
import { slowStart } from '../../../src/balancing/slow-start/slow-start.js';
import type { Balancer } from '../../../src/core/picker.js';
import { at, exponential, poisson, type SimulationResult, simulate } from '../../../src/testing/index.js';

/** Ten endpoints at 70 % of what they can do, and an eleventh that works at a tenth of its speed when it comes, and as fast as they do after 10 s. */
function deployed(balancer: Balancer, seed: number): Promise<SimulationResult> {
  return simulate({
    endpoints: [{ name: 'users', count: 10, serviceMs: exponential(10) }],
    arrivals: poisson(700),
    warmUpMs: 5_000,
    durationMs: 25_000,
    mesh: { defaults: { balancer } },
    events: [at(5_000, ({ add }) => add({ name: 'cold', serviceMs: exponential(10), coldStart: { speed: 0.1, forMs: 10_000 } }))],
    seed,
  });
}

test('a cold process that joins a service does not slow its answers down: a tenth of the p99 that it has without slow start', async () => {
  for (const seed of [1, 2, 3]) {
    const without = await deployed(roundRobin(), seed);
    const ramped = await deployed(slowStart(roundRobin(), { windowMs: 20_000 }), seed);
    assert.equal(ramped.successes, ramped.requests);
    const [before, after] = [without.latency.p99Ms, ramped.latency.p99Ms];
    assert.ok(after < before / 10 && after < 150, `seed ${seed}: ${after} ms, and ${before} ms without`);
    assert.ok((ramped.endpoints.at(-1)?.received ?? 0) > 300, 'the cold one was not used');
  }
});
