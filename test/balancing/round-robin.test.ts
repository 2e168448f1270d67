import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { roundRobin } from '../../src/balancing/round-robin.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { aCall, isShare, pickerFor, sharesOf, weightedView } from './endpoints.js';

function picked(weights: readonly number[], picks: number, seed = 1): number[] {
  const { view, endpoints } = weightedView(weights);
  const picker = pickerFor(roundRobin(), view, seededRandom(seed));
  return Array.from({ length: picks }, () => {
    const endpoint = picker.pick(view, aCall, 0);
    return endpoint === undefined ? -1 : endpoints.indexOf(endpoint);
  });
}

test('round robin picks one endpoint after the other', () => {
  const order = picked([1, 1, 1, 1], 12);
  for (let i = 1; i < order.length; i++) assert.equal(order[i], ((order[i - 1] ?? 0) + 1) % 4);
});

test('round robin starts anywhere, so that many clients do not begin with the same endpoint', () => {
  const starts = [0, 0, 0, 0, 0];
  for (let seed = 0; seed < 5_000; seed++) {
    const first = picked([1, 1, 1, 1, 1], 1, seed * 7_919)[0] ?? 0;
    starts[first] = (starts[first] ?? 0) + 1;
  }
  for (const count of starts) assert.ok(isShare(count, 5_000, 0.2), String(starts));
});

test('round robin gives each endpoint its weight to within one pick, over any stretch', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }), fc.nat(1_000), (weights, seed) => {
      const heaviest = Math.max(...weights);
      const order = picked(weights, 400, seed);
      const markers = order.flatMap((index, at) => (index === weights.indexOf(heaviest) ? [at] : []));
      // Between two picks of the heaviest endpoint lies a whole number of rounds, in each of which all had their turn.
      for (let rounds = 1; rounds < markers.length; rounds++) {
        const from = markers[0] ?? 0;
        const to = markers[rounds] ?? 0;
        weights.forEach((weight, index) => {
          const count = order.slice(from, to).filter((each) => each === index).length;
          assert.ok(Math.abs(count - (rounds * weight) / heaviest) < 1 + 1e-6, `${count} of ${rounds} rounds at ${weight}/${heaviest}`);
        });
      }
    }),
    { numRuns: 50 },
  );
});

test('round robin is smooth: picks of an endpoint lie as far apart as its share allows, give or take one round', () => {
  const weights = [5, 2, 2, 1];
  const order = picked(weights, 400);
  weights.forEach((weight, index) => {
    const picks = order.flatMap((each, at) => (each === index ? [at] : []));
    const gaps = picks.slice(1).map((at, i) => at - (picks[i] ?? 0));
    assert.ok(Math.max(...gaps) - Math.min(...gaps) <= weights.length, `weight ${weight}: gaps ${[...new Set(gaps)]}`);
  });
  assert.ok(!order.join('').includes('000'), 'half of the weight, three times in a row');
});

test('round robin spreads light endpoints over the rounds instead of picking them all in one', () => {
  const order = picked([10, ...Array.from({ length: 10 }, () => 1)], 400);
  const runs = order
    .join(',')
    .split(',0,')
    .map((run) => run.split(',').length);
  assert.ok(Math.max(...runs) <= 3, String(runs));
});

test('round robin skips shut endpoints and goes on with the rest in turn', () => {
  const { view, endpoints } = weightedView([1, 1, 1, 1]);
  const [first, second] = endpoints;
  assert.ok(first && second);
  view.shutterFor(first).shut('broken');
  view.shutterFor(second).shut('busy');
  const shares = sharesOf(pickerFor(roundRobin(), view), view, 100);
  assert.deepEqual([...shares].sort(), [
    ['e2', 50],
    ['e3', 50],
  ]);
});

test('round robin keeps the proportions of the others when the heaviest endpoint is shut, and opens again', () => {
  const { view, endpoints } = weightedView([1_000, 2, 1]);
  const heaviest = endpoints[0];
  assert.ok(heaviest);
  const picker = pickerFor(roundRobin(), view);
  assert.ok((sharesOf(picker, view, 1_003).get('e0') ?? 0) >= 999);
  const shutter = view.shutterFor(heaviest);
  shutter.shut('broken');
  const without = sharesOf(picker, view, 300);
  assert.ok(Math.abs((without.get('e1') ?? 0) - 200) <= 2, String([...without]));
  shutter.open();
  assert.ok((sharesOf(picker, view, 1_003).get('e0') ?? 0) >= 999);
});

test('round robin looks at few endpoints even when the heaviest of many is shut', () => {
  const { view, endpoints } = weightedView([60_000, ...Array.from({ length: 999 }, (_, index) => 1 + (index % 2))]);
  const heaviest = endpoints[0];
  assert.ok(heaviest);
  const picker = pickerFor(roundRobin(), view);
  sharesOf(picker, view, 10);
  view.shutterFor(heaviest).shut('broken');
  sharesOf(picker, view, 1);
  let looks = 0;
  const counted = new Proxy(view.weights, {
    get: (target, key) => {
      looks++;
      return Reflect.get(target, key, target);
    },
  });
  view.weights = counted;
  sharesOf(picker, view, 1_000);
  assert.ok(looks <= 2_500, `${looks} looks for 1000 picks`);
});
