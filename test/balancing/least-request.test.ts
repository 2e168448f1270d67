import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastRequest } from '../../src/balancing/least-request.js';
import type { LoadMeasure } from '../../src/balancing/load.js';
import { LowestCostPicker } from '../../src/balancing/lowest-cost.js';
import { CELLS } from '../../src/core/endpoint-view.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { aCall, isShare, pickerFor, settled, sharesOf, weightedView } from './endpoints.js';
import { exponential, simulate } from './traffic.js';

test('up to sixteen endpoints, the one with the fewest requests in flight is picked', () => {
  const { view, endpoints } = weightedView(Array.from({ length: 16 }, () => 1));
  const picker = pickerFor(leastRequest(), view);
  for (let i = 0; i < 160; i++) {
    const endpoint = picker.pick(view, aCall, 0);
    assert.ok(endpoint);
    assert.equal(endpoint.inFlight, Math.min(...endpoints.map((each) => each.inFlight)));
    view.track(endpoint, 1);
  }
  assert.deepEqual(new Set(endpoints.map((each) => each.inFlight)), new Set([10]));
});

test('idle endpoints are picked evenly', () => {
  const { view, endpoints } = weightedView([1, 1, 1, 1, 1, 1]);
  const shares = sharesOf(pickerFor(leastRequest(), view), view, 60_000);
  for (const { id } of endpoints) assert.ok(isShare(shares.get(id) ?? 0, 60_000, 1 / 6), String([...shares]));
});

test('on a large set, so many distinct endpoints are drawn and the emptiest of them is picked', () => {
  const count = 20;
  for (const choices of [2, 3, 5, 10]) {
    const { view, endpoints } = weightedView(Array.from({ length: count }, () => 1));
    endpoints.forEach((endpoint, rank) => {
      for (let i = 0; i < rank; i++) view.track(endpoint, 1);
    });
    const shares = sharesOf(pickerFor(leastRequest({ choices }), view), view, 40_000);
    // Drawn without replacement, the emptiest of all is picked whenever it is drawn, and the fullest ones never.
    assert.ok(isShare(shares.get('e0') ?? 0, 40_000, choices / count), `${choices}: ${shares.get('e0')}`);
    for (let rank = count - choices + 1; rank < count; rank++) assert.equal(shares.get(`e${rank}`), undefined);
  }
});

test('what is drawn is distinct, and each set of endpoints is drawn as often as any other', () => {
  const { view } = weightedView(Array.from({ length: 6 }, () => 1));
  const asked: number[] = [];
  const noting: LoadMeasure = {
    cost(_cells, cell) {
      asked.push(cell / CELLS);
      return 1;
    },
    settle() {},
  };
  const picker = new LowestCostPicker(noting, 3, 0, view, seededRandom(2));
  const sets = new Map<string, number>();
  for (let i = 0; i < 40_000; i++) {
    picker.pick(view, aCall, 0);
    const drawn = asked.splice(0).sort().join('');
    sets.set(drawn, (sets.get(drawn) ?? 0) + 1);
  }
  assert.equal(sets.size, 20);
  for (const [drawn, count] of sets) assert.ok(new Set(drawn).size === 3 && isShare(count, 40_000, 1 / 20), `${drawn}: ${count}`);
});

test('on a large idle set, every endpoint is picked as often as any other, whatever the number of choices', () => {
  for (const choices of [2, 4]) {
    const { view, endpoints } = weightedView(Array.from({ length: 18 }, () => 1));
    const shares = sharesOf(pickerFor(leastRequest({ choices }), view), view, 54_000);
    for (const { id } of endpoints) assert.ok(isShare(shares.get(id) ?? 0, 54_000, 1 / 18), String([...shares]));
  }
});

test('an endpoint that fails at once does not draw the traffic although it has nothing in flight', () => {
  for (const count of [4, 30]) {
    const { view } = weightedView(Array.from({ length: count }, () => 1));
    const random = seededRandom(3);
    const got = simulate({
      picker: pickerFor(leastRequest(), view, random),
      view,
      random,
      perSecond: 1_000,
      requests: 20_000,
      respond: ({ id }) => (id === 'e0' ? { verdict: 'retryable', latencyMs: 0.1 } : { latencyMs: exponential(random, 20) }),
    });
    assert.ok((got.get('e0') ?? 0) < 100, `${got.get('e0')} of 20000 with ${count} endpoints`);
  }
});

test('an endpoint that failed gets its share again some time after it stopped failing', () => {
  const { view, endpoints } = weightedView([1, 1]);
  const first = endpoints[0];
  assert.ok(first);
  const picker = pickerFor(leastRequest(), view);
  for (let i = 0; i < 50; i++) settled(picker, first, 'failure', 1, 0);
  assert.equal(sharesOf(picker, view, 1_000, 60_000).get('e0'), undefined);
  assert.ok(isShare(sharesOf(picker, view, 1_000, 180_000).get('e0') ?? 0, 1_000, 0.5));
});

test('weights are shares of the requests, whether the service is idle or busy', () => {
  const weights = [1, 2, 3, 4];
  for (const inFlight of [0.1, 2, 40]) {
    const { view } = weightedView(weights);
    const random = seededRandom(4);
    const got = simulate({
      picker: pickerFor(leastRequest(), view, random),
      view,
      random,
      perSecond: inFlight * 100,
      requests: 30_000,
      respond: () => ({ latencyMs: exponential(random, 10) }),
    });
    weights.forEach((weight, index) => {
      const share = (got.get(`e${index}`) ?? 0) / 30_000;
      assert.ok(Math.abs(share - weight / 10) < 0.05, `${share} for ${weight} with ${inFlight} in flight`);
    });
  }
});

test('bad options are named', () => {
  assert.throws(() => leastRequest({ choices: 1 }), /leastRequest\.choices must be a whole number from 2 to 10, got 1/);
  assert.throws(() => leastRequest({ fullScanUpTo: 1.5 }), /leastRequest\.fullScanUpTo must be a whole number from 0 to 1024, got 1.5/);
});
