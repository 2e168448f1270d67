import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Member, membersOf } from '../../../src/balancing/hashing/hash-table.js';
import { MaglevTable } from '../../../src/balancing/hashing/maglev-table.js';
import { weightedView } from '../endpoints.js';
import { countsOf, spreadOf } from './keyed.js';

function membersWith(weights: readonly number[]): Member[] {
  return membersOf(weightedView(weights).view, 0);
}

function equalMembers(count: number): Member[] {
  return membersWith(Array.from({ length: count }, () => 1));
}

function placesOf(owners: Int32Array): Map<string, number> {
  return countsOf(Array.from(owners, String));
}

/** The share of the places that changed hands though their owner is still there. */
function needlessMoves(members: readonly Member[], gone: Member, size: number): number {
  const before = new MaglevTable(members, size).owners;
  const after = new MaglevTable(
    members.filter((member) => member !== gone),
    size,
  ).owners;
  let moved = 0;
  for (let place = 0; place < size; place++) if (before[place] !== gone.slot && before[place] !== after[place]) moved++;
  return moved / size;
}

/** Envoy's way to fill the table (maglev_lb.cc): in each turn all are asked in order. */
function byAskingAll(members: readonly Member[], size: number): number[] {
  const owners = new Array<number>(size).fill(-1);
  const heaviest = Math.max(...members.map(({ weight }) => weight));
  const entries = members.map(({ slot, weight, high, low }) => ({
    slot,
    weight: weight / heaviest,
    target: 0,
    place: (high >>> 0) % size,
    step: 1 + ((low >>> 0) % (size - 1)),
  }));
  let left = size;
  for (let turn = 1; left > 0; turn++) {
    for (const entry of entries) {
      if (left === 0 || turn * entry.weight < entry.target) continue;
      entry.target += 1;
      while (owners[entry.place] !== -1) entry.place = (entry.place + entry.step) % size;
      owners[entry.place] = entry.slot;
      left--;
    }
  }
  return owners;
}

test('a thousand endpoints share 65,537 places to within one per cent', () => {
  const { max, min } = spreadOf(placesOf(new MaglevTable(equalMembers(1_000), 65_537).owners), 1_000);
  assert.ok(max <= 1.01, `${max}`);
  assert.ok(min >= 0.99, `${min}`);
});

test('at most 0.6 % of the places of a thousand endpoints change hands needlessly when one of them goes', () => {
  const members = equalMembers(1_000);
  for (const index of [0, 333, 500, 999]) {
    const member = members[index];
    assert.ok(member);
    const moves = needlessMoves(members, member, 65_537);
    assert.ok(moves <= 0.006, `${moves}`);
    assert.ok(moves > 0.001, `${moves}: the count itself is wrong`);
  }
});

test('endpoints of equal weights take the places that they take when all are asked in each turn', () => {
  for (const [count, size] of [
    [1, 2],
    [1, 251],
    [2, 251],
    [7, 251],
    [100, 4_099],
    [300, 251],
  ] as const) {
    const members = equalMembers(count);
    assert.deepEqual([...new MaglevTable(members, size).owners], byAskingAll(members, size), `${count} on ${size}`);
  }
});

test('endpoints of any weights take as many places as when all are asked in each turn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12, size: 'max' }),
      fc.constantFrom(1, 0.01, 1 / 3),
      (whole, unit) => {
        const members = membersWith(whole.map((weight) => weight * unit));
        const ours = placesOf(new MaglevTable(members, 1_009).owners);
        const theirs = placesOf(Int32Array.from(byAskingAll(members, 1_009)));
        // One for the last turn, which may be broken off between others, and one for a fraction such as 3 x 0.03, which may be rounded to either side of a turn.
        for (const { slot } of members) {
          const difference = (ours.get(String(slot)) ?? 0) - (theirs.get(String(slot)) ?? 0);
          assert.ok(Math.abs(difference) <= 2, `${difference}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('shares of the places are those of the weights, to within two places', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.05, max: 50, noNaN: true }), { minLength: 1, maxLength: 20, size: 'max' }), (weights) => {
      const members = membersWith(weights);
      const places = placesOf(new MaglevTable(members, 65_537).owners);
      // How far the turns went is the same for all: each had its part of them, and its first turn for nothing.
      const sum = weights.reduce((total, weight) => total + weight, 0);
      for (const { slot, weight } of members) {
        const expected = (65_537 * weight) / sum;
        const given = places.get(String(slot)) ?? 0;
        const granted = (weights.length * weight) / sum;
        assert.ok(given >= expected - granted - 2 && given <= expected + 2, `${given} for ${expected}`);
      }
    }),
    { numRuns: 30 },
  );
});

test('an endpoint a millionth as heavy as another still has a place', () => {
  const places = placesOf(new MaglevTable(membersWith([1_000_000, 1, 1]), 251).owners);
  assert.deepEqual([...places.values()].sort(), [1, 1, 249]);
});

test('the walk of every key comes by all places', () => {
  fc.assert(
    fc.property(fc.constantFrom(2, 3, 5, 251), fc.integer(), fc.integer(), (size, high, low) => {
      const table = new MaglevTable(equalMembers(2), size);
      const seen = new Set<number>();
      for (let place = table.first(high); !seen.has(place); place = table.next(place, low)) seen.add(place);
      assert.equal(seen.size, size);
      assert.equal(Math.max(...seen), size - 1);
    }),
  );
});
