import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HashSet } from '../../../src/registries/eureka/hash-set.js';

describe('a set of hashes', () => {
  it('has what was added since it was cleared, and nothing else', () => {
    const hash = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(3),
      fc.nat(3_000),
      fc.nat(100).map((high) => high * 2 ** 32),
    );
    fc.assert(
      fc.property(fc.array(fc.array(hash, { maxLength: 3_000 }), { maxLength: 4 }), fc.array(hash), (rounds, others) => {
        const set = new HashSet();
        for (const hashes of rounds) {
          set.clear();
          for (const each of hashes) set.add(each);
          // Zero stands for one: both are hashes of something as much as not.
          const expected = new Set(hashes.map((each) => each || 1));
          for (const each of [...hashes, ...others]) assert.equal(set.has(each), expected.has(each || 1));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has a hundred thousand, and is small again after some rounds with few', () => {
    const set = new HashSet();
    const hash = (index: number) => index * 90_071_992_547;
    for (let index = 0; index < 100_000; index++) set.add(hash(index));
    for (let index = 0; index < 100_000; index++) assert.ok(set.has(hash(index)));
    for (let round = 0; round < 20; round++) {
      set.clear();
      set.add(hash(round));
      for (let index = 0; index < 100; index++) assert.equal(set.has(hash(index)), index === round);
    }
  });
});
