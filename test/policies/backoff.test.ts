import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backoffMs, backoffOptions } from '../../src/policies/backoff.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

describe('backoff', () => {
  it('stays below the base times two to the retries before, and below the maximum', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1_000, noNaN: true }), (seed, retry, baseMs) => {
        const waitMs = backoffMs(retry, { baseMs, maxMs: 1_000 }, seededRandom(seed));
        assert.ok(waitMs >= 0 && waitMs <= Math.min(1_000, baseMs * 2 ** (retry - 1)), `${waitMs}`);
      }),
    );
  });

  it('is spread evenly over the whole of that time', () => {
    const random = seededRandom(7);
    const quarters = [0, 0, 0, 0];
    for (let i = 0; i < 10_000; i++) {
      const quarter = Math.floor((backoffMs(3, { baseMs: 25, maxMs: 1_000 }, random) / 100) * 4);
      quarters[quarter] = (quarters[quarter] as number) + 1;
    }
    for (const count of quarters) assert.ok(Math.abs(count - 2_500) < 200, quarters.join());
  });

  it('has a default give way to the option that was given', () => {
    assert.deepEqual(backoffOptions('backoff'), { baseMs: 25, maxMs: 1_000 });
    assert.deepEqual(backoffOptions('backoff', { maxMs: 10 }), { baseMs: 10, maxMs: 10 });
    assert.deepEqual(backoffOptions('backoff', { baseMs: 3_000 }), { baseMs: 3_000, maxMs: 3_000 });
    assert.deepEqual(backoffOptions('backoff', { baseMs: 0 }), { baseMs: 0, maxMs: 1_000 });
  });

  it('refuses a base above the maximum, and times that are none', () => {
    assert.throws(
      () => backoffOptions('backoff', { baseMs: 20, maxMs: 10 }),
      /backoff\.baseMs must be at most backoff\.maxMs \(10\), got 20/,
    );
    assert.throws(() => backoffOptions('backoff', { baseMs: -1 }), /backoff\.baseMs/);
    assert.throws(() => backoffOptions('backoff', { maxMs: Number.POSITIVE_INFINITY }), /backoff\.maxMs/);
  });
});
