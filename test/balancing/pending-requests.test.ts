import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pendingRequests } from '../../src/balancing/pending-requests.js';
import { endpointOf } from './endpoints.js';

function measured(options = {}) {
  const measure = pendingRequests(options).build();
  const cells = new Float64Array(4);
  const endpoint = endpointOf(0);
  return {
    cells,
    cost: (nowMs: number, inFlight = 0) => measure.cost(cells, 0, inFlight, nowMs),
    fail: (nowMs: number) => measure.settle(cells, 0, endpoint, 'failure', 1, nowMs),
    measure,
    endpoint,
  };
}

test('an endpoint costs its requests in flight and one more', () => {
  const { cost } = measured();
  assert.equal(cost(0, 0), 1);
  assert.equal(cost(0, 7), 8);
});

test('a failure counts as ten requests in flight and is forgotten over half a minute', () => {
  const { cost, fail } = measured();
  fail(1_000);
  assert.equal(cost(1_000), 11);
  assert.equal(cost(31_000), 1 + Math.floor(10 / Math.E));
  fail(31_000);
  assert.equal(cost(31_000), 1 + Math.floor(10 / Math.E + 10));
});

test('a single failure is over after 70 seconds, and then ties with an endpoint that never failed', () => {
  const { cost, fail } = measured();
  fail(0);
  assert.equal(cost(70_000), 1);
});

test('no more than ten failures are remembered, so that a long outage does not delay the return', () => {
  const { cost, fail } = measured();
  for (let i = 0; i < 1_000; i++) fail(0);
  assert.equal(cost(0), 101);
});

test('successes and what the caller gave up leave no mark', () => {
  const { cells, measure, endpoint } = measured();
  measure.settle(cells, 0, endpoint, 'success', 5_000, 3);
  measure.settle(cells, 0, endpoint, 'ignored', 5_000, 3);
  assert.deepEqual([...cells], [0, 0, 0, 0]);
});

test('the weight and the memory of a failure are options, checked when they are given', () => {
  const { cost, fail } = measured({ failureWeight: 3, memoryMs: 1_000 });
  fail(0);
  assert.equal(cost(0), 4);
  assert.equal(cost(3_000), 1);
  assert.throws(() => pendingRequests({ memoryMs: -1 }), /pendingRequests\.memoryMs must be a number of milliseconds above 0, got -1/);
  assert.throws(
    () => pendingRequests({ failureWeight: 2_000 }),
    /pendingRequests\.failureWeight must be a number from 0 to 1000, got 2000/,
  );
});
