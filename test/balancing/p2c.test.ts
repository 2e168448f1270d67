import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Load } from '../../src/balancing/load.js';
import { p2c } from '../../src/balancing/p2c.js';
import { CELLS } from '../../src/core/endpoint-view.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { aCall, isShare, pickerFor, sharesOf, viewOf, weightedView } from './endpoints.js';
import { exponential, simulate } from './traffic.js';

/** A measure that notes which cells it is asked about, and calls all costs equal unless told. */
function watching(costs: (cell: number) => number = () => 1): { load: Load; asked: number[] } {
  const asked: number[] = [];
  const load: Load = {
    name: 'watching',
    build: () => ({
      cost(_cells, cell) {
        asked.push(cell / CELLS);
        return costs(cell / CELLS);
      },
      settle() {},
    }),
  };
  return { load, asked };
}

test('two choices are always two different endpoints', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12_000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (count, chance) => {
      const { load, asked } = watching();
      const { view } = weightedView(Array.from({ length: Math.min(count, 60) }, () => 1));
      pickerFor(p2c({ load, fullScanUpTo: 0 }), view, { next: () => chance }).pick(view, aCall, 0);
      assert.equal(asked.length, 2);
      assert.notEqual(asked[0], asked[1]);
      for (const slot of asked) assert.ok(slot >= 0 && slot < view.count);
    }),
  );
});

test('every ordered pair of endpoints is drawn as often as any other', () => {
  const { load, asked } = watching();
  const { view } = weightedView([1, 1, 1, 1, 1]);
  sharesOf(pickerFor(p2c({ load, fullScanUpTo: 0 }), view), view, 100_000);
  const pairs = new Map<string, number>();
  for (let i = 0; i < asked.length; i += 2) pairs.set(`${asked[i]} ${asked[i + 1]}`, (pairs.get(`${asked[i]} ${asked[i + 1]}`) ?? 0) + 1);
  assert.equal(pairs.size, 20);
  for (const [pair, count] of pairs) assert.ok(isShare(count, 100_000, 1 / 20), `${pair}: ${count}`);
});

test('the cheaper of the two is picked, and of two equals the first that was drawn', () => {
  const { view, endpoints } = weightedView([1, 1, 1, 1, 1, 1]);
  const cheapest = watching((slot) => slot);
  const picker = pickerFor(p2c({ load: cheapest.load }), view);
  const equals = watching();
  const undecided = pickerFor(p2c({ load: equals.load }), view);
  for (let i = 0; i < 200; i++) {
    assert.equal(picker.pick(view, aCall, 0), endpoints[Math.min(...cheapest.asked.splice(0))]);
    assert.equal(undecided.pick(view, aCall, 0), endpoints[equals.asked.splice(0)[0] ?? -1]);
  }
});

test('up to four endpoints are all compared, more are not', () => {
  for (const [count, looks] of [
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 2],
  ] as const) {
    const { load, asked } = watching();
    const { view } = weightedView(Array.from({ length: count }, () => 1));
    pickerFor(p2c({ load }), view).pick(view, aCall, 0);
    assert.equal(asked.length, looks);
  }
});

test('in a full scan, equals are picked equally often, wherever they stand', () => {
  const { load } = watching((slot) => (slot === 1 ? 5 : 2));
  const { view } = weightedView([1, 1, 1, 1, 1, 1, 1]);
  const shares = sharesOf(pickerFor(p2c({ load, fullScanUpTo: 7 }), view), view, 60_000);
  assert.equal(shares.get('e1'), undefined);
  for (const slot of [0, 2, 3, 4, 5, 6]) assert.ok(isShare(shares.get(`e${slot}`) ?? 0, 60_000, 1 / 6), String([...shares]));
});

test('one endpoint is picked without a question, and none without an error', () => {
  const { load, asked } = watching();
  const { view } = weightedView([3]);
  assert.equal(pickerFor(p2c({ load }), view).pick(view, aCall, 0)?.id, 'e0');
  assert.equal(pickerFor(p2c({ load }), viewOf()).pick(viewOf(), aCall, 0), undefined);
  assert.deepEqual(asked, []);
});

test('a slow endpoint of three gets next to nothing, and its share back once it is fast again', () => {
  const { view } = weightedView([1, 1, 1]);
  const random = seededRandom(5);
  const picker = pickerFor(p2c(), view, random);
  const until = (nowMs: number, slowMs: number) => (nowMs < 40_000 ? slowMs : 10);
  const traffic = { picker, view, random, perSecond: 200 };
  const slow = simulate({
    ...traffic,
    requests: 8_000,
    respond: ({ id }) => ({ latencyMs: exponential(random, id === 'e0' ? 1_000 : 10) }),
  });
  assert.ok((slow.get('e0') ?? 0) < 80, String([...slow]));
  const recovering = simulate({
    ...traffic,
    requests: 40_000,
    respond: ({ id }, nowMs) => ({ latencyMs: exponential(random, id === 'e0' ? until(nowMs, 1_000) : 10) }),
  });
  assert.ok((recovering.get('e0') ?? 0) > 8_000, String([...recovering]));
});

test('an endpoint that fails at once does not draw the traffic', () => {
  for (const count of [3, 20]) {
    const { view } = weightedView(Array.from({ length: count }, () => 1));
    const random = seededRandom(6);
    const got = simulate({
      picker: pickerFor(p2c(), view, random),
      view,
      random,
      perSecond: 500,
      requests: 20_000,
      respond: ({ id }) => (id === 'e0' ? { verdict: 'failure', latencyMs: 0.1 } : { latencyMs: exponential(random, 20) }),
    });
    assert.ok((got.get('e0') ?? 0) < 200, `${got.get('e0')} of 20000 with ${count} endpoints`);
  }
});

test('a burst on a list that nobody has used is spread evenly before the first answer comes', () => {
  for (const weights of [
    [1, 1, 1, 1],
    [1, 1, 2, 4],
  ]) {
    const { view, endpoints } = weightedView(weights);
    const picker = pickerFor(p2c(), view);
    for (let i = 0; i < 80; i++) {
      const endpoint = picker.pick(view, aCall, 0);
      assert.ok(endpoint);
      view.track(endpoint, 1);
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const { inFlight, instance } of endpoints) {
      assert.ok(Math.abs(inFlight - (80 * instance.weight) / total) <= (view.uniform ? 0 : 9), `${inFlight} at weight ${instance.weight}`);
    }
  }
});

test('one failure in a hundred everywhere does not drive a busy service onto a single endpoint', () => {
  const { view, endpoints } = weightedView([1, 1, 1, 1]);
  const random = seededRandom(7);
  const got = simulate({
    picker: pickerFor(p2c(), view, random),
    view,
    random,
    perSecond: 1_000,
    requests: 40_000,
    respond: () => ({ latencyMs: exponential(random, 20), verdict: random.next() < 0.01 ? 'failure' : 'success' }),
  });
  for (const { id } of endpoints) assert.ok((got.get(id) ?? 0) > 6_000, String([...got]));
});

test('weights are shares of the requests, whether the service is idle or busy', () => {
  for (const [weights, seed] of [
    [[1, 3], 8],
    [[1, 33, 33, 33], 9],
    [[1, 99], 10],
    [[1, 1, 1, 1, 2, 2, 2, 4, 4, 8], 11],
  ] as const) {
    for (const inFlight of [0.1, 1, 20]) {
      const { view } = weightedView(weights);
      const random = seededRandom(seed);
      const total = weights.reduce<number>((sum, weight) => sum + weight, 0);
      const got = simulate({
        picker: pickerFor(p2c(), view, random),
        view,
        random,
        perSecond: inFlight * 100,
        requests: 30_000,
        respond: () => ({ latencyMs: exponential(random, 10) }),
      });
      weights.forEach((weight, index) => {
        const share = (got.get(`e${index}`) ?? 0) / 30_000;
        const meant = weight / total;
        assert.ok(Math.abs(share - meant) < 0.05 && share > meant * 0.6, `${weights} with ${inFlight} in flight: ${share} for ${meant}`);
      });
    }
  }
});

test('a heavy endpoint that turns slow loses its share to lighter ones', () => {
  const { view } = weightedView([3, 1, 1, 1]);
  const random = seededRandom(12);
  const got = simulate({
    picker: pickerFor(p2c(), view, random),
    view,
    random,
    perSecond: 200,
    requests: 20_000,
    respond: ({ id }) => ({ latencyMs: exponential(random, id === 'e0' ? 1_000 : 10) }),
  });
  assert.ok((got.get('e0') ?? 0) < 1_000, String([...got]));
});

test('what a light endpoint has in flight counts as much more as its weight is smaller', () => {
  const seen: [weight: number, inFlight: number][] = [];
  const load: Load = {
    name: 'noting',
    build: () => ({
      cost(_cells, cell, inFlight) {
        seen.push([view.weights[cell / CELLS] ?? 0, inFlight]);
        return inFlight;
      },
      settle() {},
    }),
  };
  const { view, endpoints } = weightedView([1, 4]);
  for (const endpoint of endpoints) for (let i = 0; i < 8; i++) view.track(endpoint, 1);
  const picker = pickerFor(p2c({ load }), view);
  for (let i = 0; i < 50; i++) assert.equal(picker.pick(view, aCall, 0)?.id, 'e1');
  // The one that holds the request counts as it is, the other with the request added.
  assert.deepEqual(new Set(seen.map(String)), new Set(['1,32', '4,9', '4,8', '1,36']));
});

test('bad options are named', () => {
  assert.throws(() => p2c({ fullScanUpTo: 65 }), /p2c\.fullScanUpTo must be a whole number from 0 to 64, got 65/);
  const notALoad: object = { load: 'peakEwma' };
  assert.throws(() => p2c(notALoad), /p2c\.load must be a measure of load, such as peakEwma\(\), got 'peakEwma'/);
  const misspelt: object = { choices: 3 };
  assert.throws(() => p2c(misspelt), /p2c\.choices/);
});
