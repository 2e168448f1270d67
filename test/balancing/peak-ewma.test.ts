import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { growthOf } from '../../src/balancing/decay.js';
import type { LoadMeasure } from '../../src/balancing/load.js';
import { peakEwma } from '../../src/balancing/peak-ewma.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import { CELLS, LOAD, LOAD_STAMP, OWING } from '../../src/core/endpoint-view.js';
import type { Verdict } from '../../src/core/verdict.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { endpointOf, weightedView } from './endpoints.js';
import { exponential } from './traffic.js';

/** A measure with one endpoint's cells. */
function measured(measure: LoadMeasure = peakEwma().build()) {
  const cells = Float64Array.of(0, 0, 0, Number.POSITIVE_INFINITY);
  const endpoint = endpointOf(0);
  return {
    cells,
    endpoint,
    cost: (nowMs: number, inFlight = 0) => measure.cost(cells, 0, inFlight, nowMs),
    settle: (verdict: Verdict, latencyMs: number, nowMs: number) => measure.settle(cells, 0, endpoint, verdict, latencyMs, nowMs),
  };
}

function near(actual: number, expected: number, tolerance = 1e-3): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.abs(expected), `${actual} is not ${expected}`);
}

test('peak EWMA takes a higher latency at once and in full', () => {
  const { settle, cost } = measured();
  settle('success', 10, 0);
  settle('success', 400, 1);
  near(cost(1), 400);
});

test('peak EWMA forgets a peak to 1/e of itself over decayMs', () => {
  const { settle, cost } = measured(peakEwma({ decayMs: 2_000 }).build());
  settle('success', 400, 0);
  near(cost(2_000), 400 / Math.E);
  settle('success', 1, 2_000);
  near(cost(2_000), 400 / Math.E);
  near(cost(4_000), 400 / Math.E ** 2, 2e-3);
});

test('an endpoint that owes answers counts with its silence once that is longer than its peak', () => {
  const { cells, settle, cost } = measured();
  settle('success', 100, 0);
  cells[OWING] = 10;
  near(cost(60), 100 / Math.E ** 0.006);
  near(cost(510), 500);
  near(cost(510, 3), 2_000);
  cells[OWING] = Number.POSITIVE_INFINITY;
  near(cost(510), 100 / Math.E ** 0.051);
});

test('peak EWMA multiplies the latency by the requests that would be in flight', () => {
  const { settle, cost } = measured();
  settle('success', 20, 0);
  near(cost(0, 4), 100);
});

test('peak EWMA is the decaying maximum of its samples, whenever it is read', () => {
  const sample = fc.record({
    afterMs: fc.integer({ min: 0, max: 5_000 }),
    latencyMs: fc.integer({ min: 1, max: 2_000 }),
    read: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 30 }), (samples) => {
      const { settle, cost } = measured();
      let nowMs = 0;
      let expected = 0;
      for (const { afterMs, latencyMs, read } of samples) {
        nowMs += afterMs;
        expected = Math.max(expected * Math.exp(-afterMs / 10_000), latencyMs);
        if (read) cost(nowMs + 1);
        settle('success', latencyMs, nowMs);
      }
      near(cost(nowMs), expected, 1e-9);
    }),
  );
});

test('with Poisson samples of an exponential latency, its median is that of P(cost <= x) = exp(-rate decay E1(x))', () => {
  // Solved for the median with E1 by its series: 0.41, 1.75, 3.50 times the mean latency for 1, 10 and 100 samples in decayMs.
  for (const [samplesPerDecay, median] of [
    [1, 0.41],
    [10, 1.75],
    [100, 3.5],
  ] as const) {
    const { settle, cost } = measured();
    const random = seededRandom(11);
    const costs: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 300_000; i++) {
      nowMs += exponential(random, 10_000 / samplesPerDecay);
      costs.push(cost(nowMs));
      settle('success', exponential(random, 1), nowMs);
    }
    costs.sort((a, b) => a - b);
    near(costs[150_000] ?? 0, median, 0.03);
  }
});

test('an endpoint never measured costs nothing while idle, and more than any other while its first answer is out', () => {
  const fresh = measured();
  const slow = measured();
  slow.settle('failure', 300_000, 0);
  assert.equal(fresh.cost(0, 0), 0);
  assert.ok(fresh.cost(0, 1) > slow.cost(0, 1_000));
  assert.ok(fresh.cost(0, 2) > fresh.cost(0, 1));
});

test('a latency of 0 counts as measured', () => {
  const { settle, cost } = measured();
  settle('success', 0, 5);
  assert.ok(cost(5, 3) > 0 && cost(5, 3) < 1);
});

test('a failure makes an endpoint four times as expensive, up to the penalty, however fast it was', () => {
  for (const verdict of ['failure', 'retryable'] as const) {
    const { settle, cost } = measured();
    settle('success', 100, 0);
    for (const expected of [400, 1_600, 5_000, 5_000]) {
      settle(verdict, 1, 0);
      near(cost(0), expected);
    }
  }
});

test('an endpoint whose first attempt fails counts as the penalty at once', () => {
  const { settle, cost } = measured(peakEwma({ penaltyMs: 900 }).build());
  settle('failure', 1, 0);
  near(cost(0), 900);
});

test('each success takes a step of the penalty back, down to its latency', () => {
  const { settle, cost } = measured();
  settle('success', 100, 0);
  for (let i = 0; i < 10; i++) settle('failure', 1, 0);
  for (const expected of [1_250, 312.5, 78.125, 30, 30]) {
    settle('success', 30, 0);
    near(cost(0), expected);
  }
});

test('a failure never makes an endpoint look better than it did', () => {
  const { settle, cost } = measured();
  settle('success', 60_000, 0);
  settle('failure', 1, 0);
  near(cost(0), 60_000);
  settle('failure', 80_000, 0);
  near(cost(0), 80_000);
});

test('a Retry-After that is longer than the penalty counts in its place, up to five minutes, until it is over', () => {
  const { endpoint, settle, cost } = measured();
  endpoint.retryAfterMs = 60_000;
  settle('retryable', 2, 0);
  near(cost(0), 60_000);
  settle('success', 20, 30_000);
  near(cost(30_000), 60_000 / Math.E ** 3, 1e-2);
  settle('success', 20, 60_001);
  near(cost(60_001), 60_000 / Math.E ** 6 / 4, 1e-1);
  endpoint.retryAfterMs = 10_000_000;
  settle('retryable', 2, 60_001);
  near(cost(60_001), 300_000);
});

test('an attempt that the caller gave up is not noted', () => {
  const { cells, settle } = measured();
  settle('ignored', 9_000, 5);
  assert.deepEqual([...cells], [0, 0, 0, Number.POSITIVE_INFINITY]);
  settle('success', 10, 5);
  settle('ignored', 9_000, 6);
  assert.deepEqual([cells[LOAD], cells[LOAD_STAMP]], [10, 5]);
});

test('the decay on the way of a pick is within 0.01 % after one lifetime, 2.1 % after four, and never rises', () => {
  const decay = (age: number) => 1 / growthOf(age / 8);
  let last = 1;
  for (let age = 0; age <= 4; age += 0.01) {
    const error = decay(age) / Math.exp(-age) - 1;
    assert.ok(error >= -1e-12 && error <= (age <= 1 ? 1e-4 : 2.1e-2), `${error} at ${age}`);
    assert.ok(decay(age) <= last);
    last = decay(age);
  }
  for (let age = 4; age < 1e6; age *= 1.5) {
    assert.ok(decay(age) < last && decay(age) > 0);
    last = decay(age);
  }
});

test('bad options are named, with what was expected and what was there', () => {
  assert.throws(() => peakEwma({ decayMs: 0 }), /peakEwma\.decayMs must be a number of milliseconds above 0, got 0/);
  assert.throws(() => peakEwma({ penaltyMs: Number.NaN }), /peakEwma\.penaltyMs must be/);
  const misspelt: object = { decay: 5 };
  assert.throws(() => peakEwma(misspelt), /peakEwma\.decay/);
});

test('a comparison of all endpoints finds one whose cost is the lowest, to 0.2 %, however long ago each was measured', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ latencyMs: fc.integer({ min: 0, max: 500 }), pauseMs: fc.integer({ min: 0, max: 20_000 }), slot: fc.nat(7) }), {
        minLength: 1,
        maxLength: 40,
        size: 'max',
      }),
      fc.nat(),
      (answers, seed) => {
        const { view, endpoints } = weightedView([1, 1, 1, 1, 1, 1, 1, 1]);
        const measure = peakEwma().build();
        const random = seededRandom(seed);
        let nowMs = 0;
        for (const { latencyMs, pauseMs, slot } of answers) {
          nowMs += pauseMs;
          measure.settle(view.cells, slot * CELLS, endpoints[slot] as Endpoint, 'success', latencyMs, nowMs);
          const best = measure.cheapest?.(view, random, nowMs) ?? -1;
          // After it: what it stores is exact, and what `cost` reads of old peaks is so to some per cent.
          const costs = endpoints.map((_, each) => measure.cost(view.cells, each * CELLS, 0, nowMs));
          const cost = costs[best] ?? Number.NaN;
          assert.ok(cost <= Math.min(...costs) * 1.002, `${cost} of ${costs}`);
        }
      },
    ),
  );
});
