import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LotWalk } from '../../../src/balancing/subsetting/lots.js';

/** The places that each client takes if somebody is at all of them but `empty`. */
function taken(clients: number, places: number, size: number, empty = -1): number[][] {
  return Array.from({ length: clients }, (_, client) => {
    const chosen: number[] = [];
    new LotWalk(client).over(places, (place) => {
      if (place !== empty) chosen.push(place);
      return chosen.length === size;
    });
    return chosen;
  });
}

function clientsOf(subsets: readonly (readonly number[])[], places: number): number[] {
  const counts = Array.from({ length: places }, () => 0);
  for (const place of subsets.flat()) counts[place] = (counts[place] ?? 0) + 1;
  return counts;
}

/** What part of the connections that there were is not there any more. */
function changed(before: readonly (readonly number[])[], after: readonly (readonly number[])[]): number {
  let gone = 0;
  before.forEach((subset, client) => {
    const now = new Set(after[client]);
    for (const place of subset) if (!now.has(place)) gone++;
  });
  return gone / before.flat().length;
}

test('of 1,000 endpoints each has exactly 20 of 1,000 clients, and one more or fewer changes 0.11 % of the connections at most', () => {
  const subsets = taken(1_000, 1_000, 20);
  const counts = clientsOf(subsets, 1_000);
  assert.deepEqual([Math.min(...counts), Math.max(...counts)], [20, 20]);
  for (const places of [999, 1_001]) {
    const after = taken(1_000, places, 20);
    assert.ok(changed(subsets, after) <= 0.0011, `${changed(subsets, after)} with ${places}`);
    const others = clientsOf(after, places);
    assert.ok(Math.min(...others) >= 19 && Math.max(...others) <= 22, `${Math.min(...others)} to ${Math.max(...others)} with ${places}`);
  }
});

test('an endpoint that is away in the midst of the others changes no more', () => {
  const subsets = taken(1_000, 1_000, 20);
  for (const empty of [0, 333, 517, 998]) {
    const after = taken(1_000, 1_000, 20, empty);
    assert.equal(changed(subsets, after), 0.001);
    const counts = clientsOf(after, 1_000).toSpliced(empty, 1);
    assert.ok(Math.min(...counts) >= 20 && Math.max(...counts) <= 22);
  }
});

test('300 clients of 300 endpoints, 30 each: exactly 30 everywhere', () => {
  assert.deepEqual(new Set(clientsOf(taken(300, 300, 30), 300)), new Set([30]));
});

test('other numbers of clients and endpoints miss the mean by two or by 3 %, where chance would miss it by three standard deviations', () => {
  for (const [clients, places, size] of [
    [400, 1_000, 20],
    [1_000, 370, 20],
    [730, 512, 16],
    [2_000, 95, 20],
  ] as const) {
    const counts = clientsOf(taken(clients, places, size), places);
    const mean = (clients * size) / places;
    const missed = Math.max(Math.max(...counts) - mean, mean - Math.min(...counts));
    assert.ok(missed <= Math.max(2.5, 0.03 * mean), `${Math.min(...counts)} to ${Math.max(...counts)} for ${mean}`);
  }
});

test('clients of a lot do not share a subset', () => {
  const subsets = taken(1_000, 1_000, 20).map((subset) => subset.toSorted((one, other) => one - other).join());
  assert.equal(new Set(subsets).size, 1_000);
});

test('a walk comes to every place once, however many there are, and the same way each time', () => {
  fc.assert(
    fc.property(fc.nat(999_999), fc.integer({ min: 1, max: 400 }), (client, places) => {
      const walk = new LotWalk(client);
      const visit = () => {
        const visited: number[] = [];
        walk.over(places, (place) => {
          visited.push(place);
          return false;
        });
        return visited;
      };
      const visited = visit();
      assert.equal(visited.length, places);
      assert.equal(new Set(visited).size, places);
      assert.deepEqual(visit(), visited);
    }),
  );
});

test('the walk is part of the behaviour, so that old and new clients agree', () => {
  const [first = [], second = []] = taken(2, 100, 10);
  assert.deepEqual(first, [9, 89, 49, 29, 67, 18, 96, 59, 30, 78]);
  assert.deepEqual(second, [4, 84, 45, 28, 64, 15, 92, 54, 34, 72]);
});
