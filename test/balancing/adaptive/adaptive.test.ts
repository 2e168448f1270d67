import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { adaptive } from '../../../src/balancing/adaptive/adaptive.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Picker } from '../../../src/core/picker.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, endpointOf, pickerFor, settled, sharesOf, weightedView } from '../endpoints.js';
import { HEADER, replyWith, reported } from '../load-reports/reports.js';

function serviceOf(count: number) {
  const { view, endpoints } = weightedView(Array.from({ length: count }, () => 1));
  return { view, endpoints, picker: pickerFor(adaptive(), view, seededRandom(5)) };
}

/** Each endpoint answers once, with this report. */
function allReport(
  picker: Picker,
  endpoints: readonly Endpoint[],
  nowMs: number,
  report = 'TEXT named_metrics.rif=1, named_metrics.svc=5',
) {
  for (const endpoint of endpoints) reported(picker, endpoint, report, nowMs);
}

function picked(picker: Picker, view: EndpointView, nowMs: number): string | undefined {
  return picker.pick(view, aCall, nowMs)?.id;
}

describe('where all endpoints report, adaptive', () => {
  test('goes to the one that says it has least to do, once for each of its reports', () => {
    const { view, endpoints, picker } = serviceOf(12);
    allReport(picker, endpoints, 1);
    const idle = endpoints[7];
    assert.ok(idle);
    reported(picker, idle, 'TEXT named_metrics.rif=0, named_metrics.svc=5', 1);
    assert.equal(picked(picker, view, 2), 'e7');
    for (let pick = 0; pick < 10; pick++) assert.notEqual(picked(picker, view, 2), 'e7');
  });

  test('takes what waits out of a time that is measured from arrival to answer', () => {
    const { view, endpoints, picker } = serviceOf(10);
    // 9 requests at a time, by rate times time: of 100 ms one request needs 10. Compared with these the others are slow.
    allReport(picker, endpoints.slice(1), 0, 'TEXT named_metrics.rif=0, named_metrics.svc=20');
    const [busy] = endpoints;
    assert.ok(busy);
    reported(picker, busy, 'TEXT named_metrics.rif=0, named_metrics.svc=100, rps_fractional=90', 0);
    assert.equal(picked(picker, view, 1), 'e0');
  });

  test('finds the one that nobody hears of', () => {
    const { view, endpoints, picker } = serviceOf(100);
    const [talker] = endpoints;
    assert.ok(talker);
    let others = 0;
    for (let pick = 0; pick < 320; pick++) {
      reported(picker, talker, 'TEXT named_metrics.rif=0, named_metrics.svc=5', pick);
      if (picked(picker, view, pick) !== 'e0') others++;
    }
    assert.equal(others, 10);
  });

  test('uses no report of a failed request, of a cache, or of an endpoint that is shut, removed or of another priority', () => {
    for (const spoil of ['failure', 'cache', 'shut', 'removed', 'priority'] as const) {
      const { view, endpoints, picker } = serviceOf(30);
      const [best] = endpoints;
      assert.ok(best);
      allReport(picker, endpoints, 1);
      const report = 'TEXT named_metrics.rif=0, named_metrics.svc=1';
      if (spoil === 'cache') {
        picker.settle?.(best, 'success', 5, aCall, 1, replyWith([HEADER, report], ['age', '3']));
        // Its earlier report is as good as the others'.
        reported(picker, best, 'TEXT named_metrics.rif=50, named_metrics.svc=5', 1);
      } else reported(picker, best, report, 1);
      if (spoil === 'failure') settled(picker, best, 'failure', 1, 1);
      if (spoil === 'shut') view.shutterFor(best).shut('busy');
      if (spoil === 'removed') view.remove(best);
      if (spoil === 'priority') view.change(best, { ...best.instance, priority: 1 });
      for (let pick = 0; pick < 14; pick++) assert.notEqual(picked(picker, view, 2), 'e0', spoil);
    }
  });

  test('does not believe a server that says it is much faster than its answers come', () => {
    const { view, endpoints, picker } = serviceOf(10);
    const [liar] = endpoints;
    assert.ok(liar);
    for (let round = 0; round < 40; round++) {
      for (const endpoint of endpoints) {
        const report = `TEXT named_metrics.rif=0, named_metrics.svc=${endpoint === liar ? 0.001 : 5}`;
        reported(picker, endpoint, report, round, endpoint === liar ? 100 : 6);
      }
    }
    for (let pick = 0; pick < 9; pick++) assert.notEqual(picked(picker, view, 40), 'e0');
  });

  test('is not confused for ever by a report of numbers without measure', () => {
    const { view, endpoints, picker } = serviceOf(20);
    const odd = endpoints.at(-1);
    assert.ok(odd);
    for (const report of ['TEXT named_metrics.rif=1e300, named_metrics.svc=1e300', 'TEXT named_metrics.rif=0, named_metrics.svc=1e39']) {
      reported(picker, odd, report, 0);
    }
    // It mends: what it says is the truth, and of all it has least to do.
    for (let round = 0; round < 600; round++) {
      for (const endpoint of endpoints) {
        reported(picker, endpoint, `TEXT named_metrics.rif=${endpoint === odd ? 0 : 9}, named_metrics.svc=5`, round);
      }
    }
    assert.equal(picked(picker, view, 600), 'e19');
  });

  test('counts by its answers one that does not keep what its reports promise', () => {
    const { view, endpoints, picker } = serviceOf(10);
    const [other] = endpoints;
    assert.ok(other);
    // A proxy copies the report of an idle service, and those who wait for this one wait long; the rest tell the truth.
    for (let round = 0; round < 200; round++) {
      for (const endpoint of endpoints) {
        const report = `TEXT named_metrics.rif=${endpoint === other ? 0 : 3}, named_metrics.svc=5`;
        reported(picker, endpoint, report, round, endpoint === other ? 60 : 20);
      }
    }
    for (let pick = 0; pick < 9; pick++) assert.notEqual(picked(picker, view, 200), 'e0');
  });
});

describe('where not all endpoints report, adaptive', () => {
  test('starves nobody: one that answers without a report is enough', () => {
    const { view, endpoints, picker } = serviceOf(10);
    allReport(picker, endpoints.slice(1), 1, 'TEXT named_metrics.rif=0, named_metrics.svc=5');
    const [silent] = endpoints;
    assert.ok(silent);
    settled(picker, silent, 'success', 5, 1);
    const shares = sharesOf(picker, view, 2_000, 2);
    for (const { id } of endpoints) assert.ok((shares.get(id) ?? 0) > 100, `${id}: ${shares.get(id)}`);
  });

  test('does not take one for slow that does not say how much of its time was a queue', () => {
    const { view, endpoints, picker } = serviceOf(20);
    const silent = endpoints.slice(0, 10);
    for (let answer = 0; answer < 30; answer++) {
      for (const endpoint of silent) settled(picker, endpoint, 'success', 40, answer);
      for (const endpoint of endpoints.slice(10)) {
        reported(picker, endpoint, 'TEXT named_metrics.rif=3, named_metrics.svc=10', answer, 40);
      }
    }
    const shares = sharesOf(picker, view, 4_000, 300);
    const toSilent = silent.reduce((sum, { id }) => sum + (shares.get(id) ?? 0), 0);
    assert.ok(toSilent > 1_800 && toSilent < 2_200, `${toSilent} of 4000`);
  });

  test('goes by reports again when the silent one reports or is shut, and bears some answers without', () => {
    const { view, endpoints, picker } = serviceOf(10);
    const [first, second] = endpoints;
    assert.ok(first && second);
    const goesByReports = (nowMs: number) => {
      allReport(picker, endpoints.slice(2), nowMs, 'TEXT named_metrics.rif=9, named_metrics.svc=5');
      reported(picker, second, 'TEXT named_metrics.rif=0, named_metrics.svc=5', nowMs);
      return picked(picker, view, nowMs) === 'e1' || picked(picker, view, nowMs) === 'e1';
    };
    reported(picker, first, 'TEXT named_metrics.rif=9, named_metrics.svc=5', 0);
    assert.equal(goesByReports(0), true);
    for (let answer = 0; answer < 7; answer++) settled(picker, first, 'success', 5, 1);
    assert.equal(goesByReports(1_000), true);
    settled(picker, first, 'success', 5, 1_000);
    let byReports = 0;
    for (let round = 0; round < 20; round++) if (goesByReports(2_000 + round)) byReports++;
    assert.ok(byReports < 15, `${byReports} of 20`);
    const shutter = view.shutterFor(first);
    shutter.shut('broken');
    assert.equal(goesByReports(3_000), true);
    shutter.open();
    reported(picker, first, 'TEXT named_metrics.rif=9, named_metrics.svc=5', 4_000);
    assert.equal(goesByReports(4_300), true);
  });

  test('draws a slow endpoint more rarely than two even choices would', () => {
    const { view, endpoints, picker } = serviceOf(20);
    for (let answer = 0; answer < 30; answer++) {
      for (const [index, endpoint] of endpoints.entries()) settled(picker, endpoint, 'success', index < 10 ? 100 : 10, answer);
    }
    let slow = 0;
    for (let pick = 0; pick < 20_000; pick++) if (Number(picked(picker, view, 300)?.slice(1)) < 10) slow++;
    // Both drawn are slow: of shares 0.18 and 1, (1.8 / 11.8)^2, and less as they are distinct. Even draws: 9 / 38.
    assert.ok(slow / 20_000 < 0.032 && slow > 0, String(slow / 20_000));
  });

  test('compares all of up to sixteen while it keeps them busy', () => {
    const { view, endpoints, picker } = serviceOf(16);
    for (const endpoint of endpoints) {
      settled(picker, endpoint, 'success', 10, 0);
      for (let request = 0; request < 3; request++) view.track(endpoint, 1);
    }
    const idle = endpoints[11];
    assert.ok(idle);
    for (let request = 0; request < 3; request++) view.track(idle, -1);
    for (let pick = 0; pick < 50; pick++) assert.equal(picked(picker, view, 1), 'e11');
  });
});

test('weights are shares, reports or not', () => {
  const { view, endpoints } = weightedView([1, 99]);
  const picker = pickerFor(adaptive(), view, seededRandom(3));
  allReport(picker, endpoints, 0, 'TEXT named_metrics.rif=0, named_metrics.svc=5');
  const canary = sharesOf(picker, view, 10_000, 1).get('e0') ?? 0;
  assert.ok(canary > 50 && canary < 160, String(canary));
});

test('an endpoint that comes later is picked, also where the others report', () => {
  const { view, endpoints, picker } = serviceOf(5);
  allReport(picker, endpoints, 0, 'TEXT named_metrics.rif=0, named_metrics.svc=5');
  view.add(endpointOf(5));
  let pickedAfter = 0;
  for (; pickedAfter < 1_000; pickedAfter++) {
    const id = picked(picker, view, pickedAfter);
    if (id === 'e5') break;
    const endpoint = endpoints.find((each) => each.id === id);
    assert.ok(endpoint);
    reported(picker, endpoint, 'TEXT named_metrics.rif=0, named_metrics.svc=5', pickedAfter);
  }
  assert.ok(pickedAfter < 300, String(pickedAfter));
});

test('a client that is one of many uses a part of the endpoints', () => {
  const { view } = weightedView(Array.from({ length: 100 }, () => 1));
  const picker = pickerFor(adaptive({ subset: { size: 10, name: 'client-1' } }), view);
  assert.equal(sharesOf(picker, view, 2_000).size, 10);
  assert.equal(adaptive({ subset: {} }).name, 'adaptive');
});

test('bad options are named', () => {
  const notALoad: object = { load: 'peakEwma' };
  assert.throws(() => adaptive(notALoad), /adaptive\.load must be a measure of load, such as peakEwma\(\), got 'peakEwma'/);
  const unknown: object = { size: 20 };
  assert.throws(() => adaptive(unknown), /adaptive\.size must be one of the options load, subset/);
  assert.throws(() => adaptive({ subset: { size: 0 } }), /subset\.size must be/);
});
