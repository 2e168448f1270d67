import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../src/testing/index.js';

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 100 }, () => random.next());
    };
    assert.deepEqual(draw(42), draw(42));
    assert.notDeepEqual(draw(42), draw(43));
    assert.equal(new Set(draw(42)).size, 100);
  });

  it('gives the numbers that it has always given, so that a recorded run can be repeated', () => {
    const random = seededRandom(42);
    assert.deepEqual(
      [random.next(), random.next(), random.next()].map((each) => each.toFixed(9)),
      ['0.601103752', '0.448290559', '0.852465793'],
    );
  });

  it('stays from 0 up to but not 1, for any seed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.double({ noNaN: true })), (seed) => {
        const random = seededRandom(seed);
        for (let i = 0; i < 50; i++) {
          const value = random.next();
          assert.ok(value >= 0 && value < 1);
        }
      }),
    );
  });

  it('spreads evenly: each tenth gets its share of 100,000', () => {
    const random = seededRandom(7);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const tenth = Math.floor(random.next() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // Six standard deviations of a binomial share: sqrt(100,000 * 0.1 * 0.9) is 95.
    for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 570, `${count}`);
  });
});
