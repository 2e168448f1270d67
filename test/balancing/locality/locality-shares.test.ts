import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { localityShares } from '../../../src/balancing/locality/locality-shares.js';

/** The share of X where X has a third of the weight and Y is whole. */
function shareOfX(percentAvailable: number): number {
  const [x = Number.NaN] = localityShares(
    [
      { available: percentAvailable, total: 100, weight: 1 },
      { available: 100, total: 100, weight: 2 },
    ],
    1.4,
  );
  return x;
}

test("zones with weights share the traffic as in the table of Envoy's documentation", () => {
  for (const [available, share] of [
    [100, 33],
    [70, 33],
    [50, 26],
    [25, 15],
    [0, 0],
  ] as const) {
    assert.equal(Math.round(shareOfX(available) * 100), share, `${available} % available`);
  }
  // The table says 32. The formula under it and the code give 32.57.
  assert.equal(Math.floor(shareOfX(69) * 100), 32);
  assert.ok(Math.abs(shareOfX(69) - 0.966 / 2.966) < 1e-12);
});

test('a zone without endpoints or without weight gets nothing, and where nothing is available nobody does', () => {
  const whole = { available: 3, total: 3, weight: 1 };
  assert.deepEqual(localityShares([whole, { available: 0, total: 0, weight: 9 }, { ...whole, weight: 0 }], 1.4), [1, 0, 0]);
  assert.deepEqual(localityShares([{ available: 0, total: 3, weight: 1 }], 1.4), [0]);
});

test('shares add up to one, and a zone gets no less when more of it is available', () => {
  const locality = fc
    .integer({ min: 1, max: 50 })
    .chain((total) => fc.record({ total: fc.constant(total), available: fc.nat(total), weight: fc.integer({ min: 1, max: 9 }) }));
  fc.assert(
    fc.property(fc.array(locality, { minLength: 1, maxLength: 6 }), fc.nat(), (given, at) => {
      const shares = localityShares(given, 1.4);
      const sum = shares.reduce((before, share) => before + share, 0);
      assert.ok(given.every(({ available }) => available === 0) ? sum === 0 : Math.abs(sum - 1) < 1e-12);
      const index = at % given.length;
      const one = given[index];
      assert.ok(one);
      if (one.available === one.total) return;
      const better = localityShares(given.with(index, { ...one, available: one.available + 1 }), 1.4);
      assert.ok((better[index] ?? 0) >= (shares[index] ?? 0) - 1e-12);
    }),
  );
});
