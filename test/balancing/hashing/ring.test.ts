import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mixed } from '../../../src/balancing/hashing/hash.js';
import { type Member, membersOf } from '../../../src/balancing/hashing/hash-table.js';
import { MaglevTable } from '../../../src/balancing/hashing/maglev-table.js';
import { Ring } from '../../../src/balancing/hashing/ring.js';
import { weightedView } from '../endpoints.js';
import { countsOf, spreadOf } from './keyed.js';

function membersWith(weights: readonly number[]): Member[] {
  return membersOf(weightedView(weights).view, 0);
}

function equalMembers(count: number): Member[] {
  return membersWith(Array.from({ length: count }, () => 1));
}

/** How often each endpoint is the owner of 2^20 positions that lie evenly on the ring. */
function sharesOf(ring: Ring): Map<string, number> {
  return countsOf(Array.from({ length: 2 ** 20 }, (_, index) => String(ring.owners[ring.first((index << 12) | 0x5a5)])));
}

test('a key belongs to the endpoint of the next point', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8, size: 'max' });
  fc.assert(
    fc.property(
      weights,
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer(), { minLength: 20, maxLength: 20, size: 'max' }),
      (each, perWeight, keys) => {
        const members = membersWith(each);
        const points = members.flatMap(({ slot, weight, high, low }) =>
          Array.from({ length: weight * perWeight }, (_, point) => ({ slot, position: mixed((mixed(high ^ point) + low) | 0) >>> 0 })),
        );
        points.sort((a, b) => a.position - b.position);
        const ring = new Ring(members, perWeight);
        assert.deepEqual(
          [...ring.owners],
          points.map(({ slot }) => slot),
        );
        for (const key of [...keys, 0, -1, points[0]?.position ?? 0, (points[0]?.position ?? 0) + 1]) {
          const expected = points.find(({ position }) => position >= key >>> 0) ?? points[0];
          assert.equal(ring.owners[ring.first(key | 0)], expected?.slot);
        }
      },
    ),
  );
});

test('the walk goes round the ring', () => {
  const ring = new Ring(equalMembers(3), 5);
  let place = ring.first(-1);
  const seen = new Set<number>();
  for (let step = 0; step < 15; step++) {
    seen.add(place);
    place = ring.next(place);
  }
  assert.equal(seen.size, 15);
});

test('a ring of 4,096 points, as large as gRPC allows, gives one of a thousand endpoints three times its share; ours a third more', () => {
  const members = equalMembers(1_000);
  const theirs = spreadOf(sharesOf(new Ring(members, 4)), 1_000);
  const ours = spreadOf(sharesOf(new Ring(members, 160)), 1_000);
  assert.ok(theirs.max > 2.8 && theirs.max < 4.2, `${theirs.max}`);
  assert.ok(theirs.min < 0.2, `${theirs.min}`);
  assert.ok(ours.max < 1.34 && ours.min > 0.7, `${ours.max} ${ours.min}`);
  const { owners } = new MaglevTable(members, 65_537);
  assert.ok(spreadOf(countsOf(Array.from(owners, String)), 1_000).max <= 1.01);
});

test('shares of the ring are those of the weights', () => {
  const weights = [1, 2, 4, 0.5, 8];
  const shares = sharesOf(new Ring(membersWith(weights), 2_000));
  weights.forEach((weight, slot) => {
    const share = (shares.get(String(slot)) ?? 0) / 2 ** 20;
    // An endpoint's share has a relative deviation of 1 / sqrt(its points): 3 % for the lightest.
    const tolerance = 4 / Math.sqrt(weight * 2_000);
    assert.ok(Math.abs(share / (weight / 15.5) - 1) < tolerance, `${weight}: ${share}`);
  });
});

test('a light endpoint has one point at least', () => {
  const ring = new Ring(membersWith([0.0001, 1]), 160);
  assert.equal(ring.owners.length, 161);
});

test('a ring that would have too many points has half of them, or a fourth and so on, at the same positions', () => {
  const members = equalMembers(3);
  const whole = new Ring(members, 1_000);
  const heavy = members.map((member) => ({ ...member, weight: 1_000_000 }));
  const bounded = new Ring(heavy, 1_000);
  // 3 x 10^9 halved eleven times.
  assert.equal(bounded.owners.length, 3 * Math.round(1e9 / 2 ** 11));
  const keys = Array.from({ length: 5_000 }, (_, index) => mixed(index));
  const same = keys.filter((key) => whole.owners[whole.first(key)] === bounded.owners[bounded.first(key)]).length;
  assert.ok(same > 1_000 && same < 5_000, `${same}`);
  const lopsided = new Ring(membersWith([1_000_000, ...Array.from({ length: 1_000 }, () => 1)]), 160);
  assert.ok(lopsided.owners.length <= 2 ** 21);
  assert.equal(countsOf(Array.from(lopsided.owners, String)).size, 1_001);
});
