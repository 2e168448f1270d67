import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type WeightedRoundRobinOptions, weightedRoundRobin } from '../../../src/balancing/load-reports/weighted-round-robin.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Picker } from '../../../src/core/picker.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, endpointOf, pickerFor, settled, sharesOf, weightedView } from '../endpoints.js';
import { loaded, replyWith, reported } from './reports.js';

interface Fleet {
  readonly view: EndpointView;
  readonly endpoints: readonly Endpoint[];
  readonly picker: Picker;
  /** Each endpoint reports its text each second of this stretch of time; an empty one says nothing. */
  report(texts: readonly string[], fromMs: number, toMs: number): void;
  /** The shares of the endpoints in 10,000 picks. */
  shares(nowMs: number): number[];
}

function fleetOf(weights: readonly number[], options: WeightedRoundRobinOptions = {}, seed = 1): Fleet {
  const { view, endpoints } = weightedView(weights);
  const picker = pickerFor(weightedRoundRobin(options), view, seededRandom(seed));
  return {
    view,
    endpoints,
    picker,
    report(texts, fromMs, toMs) {
      for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1_000) {
        texts.forEach((text, index) => {
          const endpoint = endpoints[index];
          if (text !== '' && endpoint !== undefined) reported(picker, endpoint, text, nowMs);
        });
      }
    },
    shares(nowMs) {
      const counts = sharesOf(picker, view, 10_000, nowMs);
      return endpoints.map(({ id }) => (counts.get(id) ?? 0) / 10_000);
    },
  };
}

function assertShares(found: readonly number[], meant: readonly number[], tolerance = 0.002): void {
  assert.equal(found.length, meant.length);
  found.forEach((share, index) => {
    assert.ok(Math.abs(share - (meant[index] ?? Number.NaN)) <= tolerance, `${found} for ${meant}`);
  });
}

/** At how many places of the list a thousand picks look, after one that may have more to do. */
function looksFor(picker: Picker, view: EndpointView, nowMs: number): number {
  sharesOf(picker, view, 1, nowMs);
  let looks = 0;
  const { slots } = view;
  view.slots = new Proxy(slots, {
    get: (target, key) => {
      looks++;
      return Reflect.get(target, key, target);
    },
  });
  sharesOf(picker, view, 1_000, nowMs);
  view.slots = slots;
  return looks;
}

describe('weighted round robin by load reports', () => {
  test('gives each endpoint its rate over its utilization', () => {
    const fleet = fleetOf([1, 1, 1]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.25), loaded(50, 0.5)], 0, 10_000);
    assertShares(fleet.shares(11_000), [200 / 700, 400 / 700, 100 / 700]);
  });

  test('takes the utilization of the CPU where the application says none, or 0', () => {
    const fleet = fleetOf([1, 1, 1]);
    const texts = [
      'rps_fractional=100,cpu_utilization=0.5',
      'rps_fractional=100,cpu_utilization=0.25,application_utilization=0',
      'rps_fractional=100,cpu_utilization=0.9,application_utilization=1',
    ];
    fleet.report(texts, 0, 10_000);
    assertShares(fleet.shares(11_000), [200 / 700, 400 / 700, 100 / 700]);
  });

  test('counts errors as utilization, times the penalty', () => {
    // Half of the requests fail: 100 / (0.5 + 0.5 * penalty).
    for (const [errorPenalty, weight] of [
      [0, 200],
      [1, 100],
      [3, 50],
    ] as const) {
      const fleet = fleetOf([1, 1], { errorPenalty });
      fleet.report([loaded(100, 0.5, 50), loaded(100, 0.5)], 0, 10_000);
      assertShares(fleet.shares(11_000), [weight / (weight + 200), 200 / (weight + 200)]);
    }
  });

  test('gives all the same for the first ten seconds, and with fewer than two known weights', () => {
    const fleet = fleetOf([1, 1, 1]);
    assertShares(fleet.shares(0), [1 / 3, 1 / 3, 1 / 3]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.1)], 1_000, 10_000);
    assertShares(fleet.shares(10_999), [1 / 3, 1 / 3, 1 / 3]);
    const alone = fleetOf([1, 1, 1]);
    alone.report([loaded(100, 0.5)], 0, 30_000);
    assertShares(alone.shares(30_000), [1 / 3, 1 / 3, 1 / 3]);
  });

  test('gives an endpoint without a weight the mean of the others', () => {
    const fleet = fleetOf([1, 1, 1, 1]);
    const texts = [loaded(300, 1), loaded(100, 1), 'rps_fractional=100', 'JSON {"rps_fractional": -1}'];
    fleet.report(texts, 0, 10_000);
    assertShares(fleet.shares(11_000), [3 / 8, 1 / 8, 2 / 8, 2 / 8]);
  });

  test('forgets a weight three minutes after its last report, and then waits ten seconds again', () => {
    const fleet = fleetOf([1, 1, 1]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.25), loaded(100, 0.125)], 0, 10_000);
    assertShares(fleet.shares(20_000), [1 / 7, 2 / 7, 4 / 7]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.25)], 20_000, 200_000);
    assertShares(fleet.shares(189_999), [1 / 7, 2 / 7, 4 / 7]);
    assertShares(fleet.shares(191_000), [2 / 9, 4 / 9, 3 / 9]);
    fleet.report(['', '', loaded(100, 0.125)], 201_000, 210_999);
    assertShares(fleet.shares(210_000), [2 / 9, 4 / 9, 3 / 9]);
    assertShares(fleet.shares(211_000), [1 / 7, 2 / 7, 4 / 7]);
  });

  test('waits ten seconds again also when nobody asked while the weight was forgotten', () => {
    const fleet = fleetOf([1, 1]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.25)], 0, 10_000);
    fleet.report([loaded(100, 0.5), loaded(100, 0.25)], 400_000, 409_000);
    assertShares(fleet.shares(409_500), [0.5, 0.5]);
    assertShares(fleet.shares(411_000), [1 / 3, 2 / 3]);
  });

  test('works weights out once in a while, and not at each report', () => {
    const fleet = fleetOf([1, 1], { updateMs: 5_000, blackoutMs: 0 });
    fleet.report([loaded(100, 0.5), loaded(100, 0.25)], 0, 0);
    assertShares(fleet.shares(1_000), [1 / 3, 2 / 3]);
    fleet.report([loaded(100, 0.25), loaded(100, 0.25)], 2_000, 2_000);
    assertShares(fleet.shares(5_999), [1 / 3, 2 / 3]);
    assertShares(fleet.shares(6_000), [0.5, 0.5]);
  });

  test('multiplies by the weight that the registry gives, so that a canary stays one', () => {
    const fleet = fleetOf([1, 99], { blackoutMs: 0 });
    assertShares(fleet.shares(0), [0.01, 0.99]);
    fleet.report([loaded(100, 0.5), loaded(100, 0.5)], 500, 500);
    assertShares(fleet.shares(1_000), [0.01, 0.99]);
    const [canary] = fleet.endpoints;
    assert.ok(canary);
    fleet.view.change(canary, { ...canary.instance, weight: 99 });
    assertShares(fleet.shares(1_001), [0.5, 0.5]);
    fleet.view.change(canary, { ...canary.instance, weight: 33 });
    assertShares(fleet.shares(1_002), [0.25, 0.75]);
    assertShares(fleet.shares(3_000), [0.25, 0.75]);
  });

  test('believes no report that is more than ten times the median, or less than a tenth', () => {
    const liar = fleetOf([1, 1, 1], { blackoutMs: 0 });
    liar.report([loaded(1e6, 0.001), loaded(100, 1), loaded(100, 1)], 0, 0);
    assertShares(liar.shares(0), [10 / 12, 1 / 12, 1 / 12]);
    const modest = fleetOf([1, 1, 1], { blackoutMs: 0 });
    modest.report([loaded(0.001, 1_000), loaded(100, 1), loaded(100, 1)], 0, 0);
    assertShares(modest.shares(0), [0.1 / 2.1, 1 / 2.1, 1 / 2.1]);
    const absurd = fleetOf([1, 1, 1], { blackoutMs: 0 });
    absurd.report([loaded(1e300, 1e-300), loaded(100, 0.5), loaded(100, 0.25)], 0, 0);
    assertShares(absurd.shares(0), [3 / 9, 2 / 9, 4 / 9]);
  });

  test('knows nothing of an endpoint that has the place of another', () => {
    const fleet = fleetOf([1, 1, 1], { blackoutMs: 0 });
    fleet.report([loaded(100, 0.5), loaded(100, 0.25), loaded(100, 0.125)], 0, 0);
    fleet.shares(0);
    const [, , third] = fleet.endpoints;
    assert.ok(third);
    const { slot } = third;
    fleet.view.remove(third);
    const newcomer = endpointOf(9);
    fleet.view.add(newcomer);
    assert.equal(newcomer.slot, slot);
    // Before the next update it has the mean of the three, after it that of the two.
    const counts = sharesOf(fleet.picker, fleet.view, 10_000, 500);
    assert.ok(Math.abs((counts.get('e9') ?? 0) / 10_000 - 14 / 32) < 0.002, String([...counts]));
    const later = sharesOf(fleet.picker, fleet.view, 10_000, 1_000);
    assert.ok(Math.abs((later.get('e9') ?? 0) / 10_000 - 3 / 9) < 0.002, String([...later]));
  });

  test('waits again for an endpoint that was broken, and not for one that was busy', () => {
    for (const [reason, shares] of [
      ['broken', [0.25, 0.25, 0.5]],
      ['busy', [1 / 7, 2 / 7, 4 / 7]],
    ] as const) {
      const fleet = fleetOf([1, 1, 1]);
      fleet.report([loaded(100, 0.5), loaded(100, 0.25), loaded(100, 0.125)], 0, 20_000);
      const [first] = fleet.endpoints;
      assert.ok(first);
      const shutter = fleet.view.shutterFor(first);
      shutter.shut(reason);
      shutter.open();
      fleet.report([loaded(100, 0.5)], 21_000, 22_000);
      const mean = (2 + 4) / 2;
      assertShares(fleet.shares(22_000), reason === 'broken' ? [mean / (mean + 6), 2 / (mean + 6), 4 / (mean + 6)] : shares);
    }
  });

  test('keeps the proportions of the others while the one with the most is shut', () => {
    const fleet = fleetOf([1, 1, 1], { blackoutMs: 0 });
    fleet.report([loaded(100, 0.1), loaded(100, 0.5), loaded(100, 0.25)], 0, 0);
    assertShares(fleet.shares(0), [10 / 16, 2 / 16, 4 / 16]);
    const [first] = fleet.endpoints;
    assert.ok(first);
    const shutter = fleet.view.shutterFor(first);
    shutter.shut('busy');
    assertShares(fleet.shares(0), [0, 1 / 3, 2 / 3]);
    shutter.open();
    assertShares(fleet.shares(0), [10 / 16, 2 / 16, 4 / 16]);
  });

  test('finds, from nothing but the reports, how much each of unequal servers can take', () => {
    // A request costs so many milliseconds of its server; ten servers, 200 requests per second, a minute.
    const costsMs = [2, 2, 2, 2, 2, 4, 4, 8, 8, 16];
    const fleet = fleetOf(costsMs.map(() => 1));
    let counts = new Map<string, number>();
    for (let second = 0; second < 60; second++) {
      const perSecond = sharesOf(fleet.picker, fleet.view, 200, second * 1_000);
      fleet.endpoints.forEach((endpoint, index) => {
        const rate = perSecond.get(endpoint.id) ?? 0;
        if (rate > 0) reported(fleet.picker, endpoint, loaded(rate, (rate * (costsMs[index] ?? 0)) / 1_000), second * 1_000 + 999);
      });
      if (second >= 20) counts = new Map([...perSecond].map(([id, count]) => [id, count + (counts.get(id) ?? 0)]));
    }
    const total = costsMs.reduce((sum, cost) => sum + 1 / cost, 0);
    assertShares(
      fleet.endpoints.map(({ id }) => (counts.get(id) ?? 0) / (40 * 200)),
      costsMs.map((cost) => 1 / cost / total),
      0.005,
    );
  });

  test('spreads the picks of an endpoint evenly: between two of them lie as many as its share allows, give or take a round', () => {
    const fleet = fleetOf([1, 1, 1, 1], { blackoutMs: 0 });
    fleet.report([loaded(100, 0.2), loaded(100, 0.5), loaded(100, 0.5), loaded(100, 1)], 0, 0);
    const order = Array.from({ length: 400 }, () => fleet.picker.pick(fleet.view, aCall, 0)?.id);
    for (const { id } of fleet.endpoints) {
      const picks = order.flatMap((each, at) => (each === id ? [at] : []));
      const gaps = picks.slice(1).map((at, index) => at - (picks[index] ?? 0));
      assert.ok(Math.max(...gaps) - Math.min(...gaps) <= 4, `${id}: ${[...new Set(gaps)]}`);
    }
  });

  test('gives each endpoint its share to within a pick per round, whatever the reports', () => {
    const report = fc.record({
      rate: fc.double({ min: 1, max: 8, noNaN: true }),
      utilization: fc.double({ min: 0.5, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(report, { minLength: 2, maxLength: 12 }), fc.nat(1_000), (reports, seed) => {
        const fleet = fleetOf(
          reports.map(() => 1),
          { blackoutMs: 0 },
          seed,
        );
        fleet.report(
          reports.map(({ rate, utilization }) => loaded(rate, utilization)),
          0,
          0,
        );
        const weights = reports.map(({ rate, utilization }) => rate / utilization);
        const sorted = [...weights].sort((a, b) => a - b);
        const median = sorted[(sorted.length - 1) >> 1] ?? 0;
        const within = weights.map((weight) => Math.min(Math.max(weight, median / 10), median * 10));
        const total = within.reduce((sum, weight) => sum + weight, 0);
        assertShares(
          fleet.shares(0),
          within.map((weight) => weight / total),
          0.0005,
        );
      }),
      { numRuns: 100 },
    );
  });

  test('looks at few endpoints for a pick, whatever the reports claim', () => {
    const { view, endpoints } = weightedView(Array.from({ length: 1_000 }, () => 1));
    const picker = pickerFor(weightedRoundRobin({ blackoutMs: 0 }), view);
    endpoints.forEach((endpoint, index) => {
      reported(picker, endpoint, index === 0 ? loaded(1e9, 1e-3) : loaded(1 + (index % 7), 1), 0);
    });
    const [liar] = endpoints;
    assert.ok(liar);
    // Ten times the median is the most that one may claim; the median here is the mean.
    const whileClaiming = looksFor(picker, view, 0);
    assert.ok(whileClaiming > 5_000 && whileClaiming <= 11_000, `${whileClaiming} looks for 1000 picks`);
    const shutter = view.shutterFor(liar);
    shutter.shut('busy');
    const whileShut = looksFor(picker, view, 1_000);
    assert.ok(whileShut <= 2_000, `${whileShut} looks for 1000 picks`);
    shutter.open();
    reported(picker, liar, loaded(4, 1), 1_500);
    const afterwards = looksFor(picker, view, 2_000);
    assert.ok(afterwards <= 2_000, `${afterwards} looks for 1000 picks`);
  });

  test('looks at few endpoints also when the heaviest by far is shut between two updates', () => {
    const { view, endpoints } = weightedView([60_000, ...Array.from({ length: 999 }, (_, index) => 1 + (index % 2))]);
    const picker = pickerFor(weightedRoundRobin(), view);
    sharesOf(picker, view, 10, 0);
    const [heaviest] = endpoints;
    assert.ok(heaviest);
    view.shutterFor(heaviest).shut('broken');
    const looks = looksFor(picker, view, 1);
    assert.ok(looks <= 2_500, `${looks} looks for 1000 picks`);
  });

  test('reads all weights once per update, however often endpoints come and go', () => {
    const fleet = fleetOf(Array.from({ length: 100 }, () => 1));
    let walks = 0;
    const walk = fleet.view[Symbol.iterator].bind(fleet.view);
    fleet.view[Symbol.iterator] = () => {
      walks++;
      return walk();
    };
    for (let index = 0; index < 500; index++) {
      const endpoint = endpointOf(1_000 + index);
      fleet.view.add(endpoint);
      fleet.picker.pick(fleet.view, aCall, 0);
      fleet.view.remove(endpoint);
      fleet.picker.pick(fleet.view, aCall, 999);
    }
    assert.equal(walks, 2);
    fleet.picker.pick(fleet.view, aCall, 1_000);
    assert.equal(walks, 4);
  });

  test('picks the only endpoint, and none where there is none', () => {
    const fleet = fleetOf([1]);
    fleet.report([loaded(100, 0.5)], 0, 20_000);
    assertShares(fleet.shares(20_000), [1]);
    const empty = fleetOf([]);
    assert.equal(empty.picker.pick(empty.view, aCall, 0), undefined);
  });

  test('learns nothing from an attempt without an answer, or without a report', () => {
    const fleet = fleetOf([1, 1], { blackoutMs: 0 });
    for (const endpoint of fleet.endpoints) settled(fleet.picker, endpoint, 'failure', 5, 0);
    const [first] = fleet.endpoints;
    assert.ok(first);
    fleet.picker.settle?.(first, 'success', 5, aCall, 0, replyWith(['content-length', '0']));
    assertShares(fleet.shares(0), [0.5, 0.5]);
  });

  test('listens to the list no more once it is closed', () => {
    const { view } = weightedView([1, 1]);
    const listening = new Set<unknown>();
    const listen = view.listen.bind(view);
    view.listen = (listener) => {
      const stop = listen(listener);
      listening.add(listener);
      return () => {
        listening.delete(listener);
        return stop();
      };
    };
    const picker = pickerFor(weightedRoundRobin(), view);
    assert.equal(listening.size, 1);
    picker.close?.();
    assert.equal(listening.size, 0);
  });

  test('refuses bad options by name', () => {
    assert.throws(
      () => weightedRoundRobin({ updateMs: 99 }),
      /weightedRoundRobin\.updateMs must be a number of milliseconds from 100 to 60000, got 99/,
    );
    assert.throws(() => weightedRoundRobin({ blackoutMs: -1 }), /weightedRoundRobin\.blackoutMs/);
    assert.throws(() => weightedRoundRobin({ expirationMs: 0 }), /weightedRoundRobin\.expirationMs/);
    assert.throws(() => weightedRoundRobin({ errorPenalty: Number.NaN }), /weightedRoundRobin\.errorPenalty/);
    const misspelt: object = { blackout: 3 };
    assert.throws(() => weightedRoundRobin(misspelt), /unknown option 'blackout'/);
  });
});
