import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { areZonesHeeded, type Zone, zoneRouting, zoneShares } from '../../../src/balancing/locality/zone-shares.js';

function zones(...pairs: readonly (readonly [clients: number, available: number])[]): Zone[] {
  return pairs.map(([clients, available]) => ({ clients, available }));
}

test('requests stay in the own zone where it has at least as large a part of the endpoints as of the clients', () => {
  assert.deepEqual(zoneRouting(zones([20, 3], [80, 7]), 0), { local: 10_000, residual: [0, 0] });
  assert.deepEqual(zoneRouting(zones([30, 3], [70, 7]), 0), { local: 10_000, residual: [0, 0] });
});

test("requests that the own zone has no room for go where there is room, in Envoy's whole numbers", () => {
  // The examples in the comments of Envoy's code: 20 % of the clients and 10 % of the endpoints; 40/40/20 and 25/50/25.
  assert.equal(zoneRouting(zones([20, 10], [80, 90]), 0).local, 5_000);
  assert.deepEqual(zoneRouting(zones([40, 25], [40, 50], [20, 25]), 0), { local: 6_250, residual: [0, 1_000, 500] });
  assert.deepEqual(zoneRouting(zones([5, 3], [3, 4], [2, 3]), 0), { local: 6_000, residual: [0, 1_000, 1_000] });
  // A third is 3,333 of 10,000, and what is divided by it rounds down once more.
  assert.deepEqual(zoneRouting(zones([1, 1], [1, 3], [1, 3]), 0), { local: 4_284, residual: [0, 952, 952] });
});

test('a zone without room for its own clients takes nobody from elsewhere', () => {
  assert.deepEqual(zoneRouting(zones([40, 20], [40, 20], [20, 60]), 0), { local: 5_000, residual: [0, 0, 4_000] });
});

test('a client whose zone has no endpoint sends all requests elsewhere', () => {
  assert.deepEqual(zoneRouting(zones([1, 0], [1, 1], [2, 3]), 0), { local: 0, residual: [0, 0, 2_500] });
  assert.deepEqual(zoneRouting(zones([1, 1], [1, 3]), -1), { local: 0, residual: [0, 2_500] });
});

test('the shares of the zones are 60, 20 and 20 per cent where clients are 50, 30, 20 and endpoints 30, 40, 30', () => {
  const shares = zoneShares(zones([50, 30], [30, 40], [20, 30]), 0);
  for (const [index, share] of [0.6, 0.2, 0.2].entries()) assert.ok(Math.abs((shares[index] ?? 0) - share) < 1e-12, String(shares));
});

test('where rounding leaves no room anywhere, requests go to any zone that has an endpoint', () => {
  // 3,333 of 10,000 clients everywhere and 3,333 endpoints elsewhere: a client without a zone finds no room at all.
  assert.deepEqual(zoneShares(zones([1, 1], [1, 1], [1, 1], [0, 0]), -1), [1 / 3, 1 / 3, 1 / 3, 0]);
});

test('zones are heeded with two zones on both sides, a client in the own, and enough endpoints', () => {
  const both = zones([1, 3], [1, 3]);
  assert.equal(areZonesHeeded(both, 2, 0, 6), true);
  assert.equal(areZonesHeeded(both, 2, 0, 7), false);
  assert.equal(areZonesHeeded(both, 1, 0, 6), false);
  assert.equal(areZonesHeeded(both, 2, -1, 6), false);
  assert.equal(areZonesHeeded(zones([0, 3], [1, 3], [1, 0]), 2, 0, 6), false);
  assert.equal(areZonesHeeded(zones([2, 3], [0, 3]), 2, 0, 6), false);
});

test('every endpoint gets as much as any other when the clients of all zones do this, as long as no zone lacks endpoints', () => {
  const zone = fc.record({ clients: fc.integer({ min: 1, max: 30 }), available: fc.integer({ min: 1, max: 30 }) });
  fc.assert(
    fc.property(fc.array(zone, { minLength: 2, maxLength: 5 }), (given) => {
      const clients = given.reduce((sum, each) => sum + each.clients, 0);
      const available = given.reduce((sum, each) => sum + each.available, 0);
      const arriving = given.map(() => 0);
      given.forEach((from, own) => {
        const shares = zoneShares(given, own);
        const sum = shares.reduce((before, share) => before + share, 0);
        assert.ok(Math.abs(sum - 1) < 1e-9 && shares.every((share) => share >= 0), String(shares));
        shares.forEach((share, to) => {
          arriving[to] = (arriving[to] ?? 0) + (share * from.clients) / clients;
        });
      });
      given.forEach((each, index) => {
        const fair = each.available / available;
        assert.ok(Math.abs((arriving[index] ?? 0) - fair) < 0.003, `${arriving[index]} for ${fair} of ${JSON.stringify(given)}`);
      });
    }),
  );
});
