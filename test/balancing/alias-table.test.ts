import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AliasTable } from '../../src/balancing/alias-table.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { isShare } from './endpoints.js';

/** The chance of each slot, read off the table. */
function chances(table: AliasTable): Map<number, number> {
  const sums = new Map<number, number>();
  const count = (slot: number | undefined, chance: number) =>
    sums.set(slot as number, (sums.get(slot as number) ?? 0) + chance / table.size);
  for (let place = 0; place < table.size; place++) {
    const keep = table.keep[place] as number;
    assert.ok(keep >= 0 && keep <= 1, String(keep));
    count(table.pairs[2 * place], keep);
    count(table.pairs[2 * place + 1], 1 - keep);
  }
  return sums;
}

test('each slot has exactly its share, whatever the shares, also when the table is made again for fewer', () => {
  const share = fc.oneof(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 4 }));
  fc.assert(
    fc.property(fc.array(fc.array(share, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 3 }), (lists) => {
      const table = new AliasTable();
      for (const shares of lists) {
        // In slots of which every other one is not on the list.
        const bySlot = Float64Array.from(shares.flatMap((each) => [each, 7]));
        const slots = Int32Array.from(shares, (_, index) => 2 * index).reverse();
        table.build(slots, shares.length, bySlot);
        const sum = shares.reduce((before, each) => before + each);
        const found = chances(table);
        for (const [index, each] of shares.entries()) {
          assert.ok(Math.abs((found.get(2 * index) ?? 0) - each / sum) < 1e-9, `${found.get(2 * index)} in place of ${each / sum}`);
        }
      }
    }),
  );
});

test('is drawn from by its chances', () => {
  const table = new AliasTable();
  table.build(Int32Array.of(3, 1, 0), 3, Float64Array.of(1, 50, 9, 3));
  const random = seededRandom(4);
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < 50_000; draw++) {
    const slot = table.draw(random);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  for (const [slot, share] of [1 / 54, 50 / 54, 0, 3 / 54].entries()) assert.ok(isShare(counts[slot] ?? 0, 50_000, share), String(counts));
});
