import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type PrequalOptions, prequal } from '../../../src/balancing/prequal/prequal.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { Shutter } from '../../../src/core/gate.js';
import { aCall, endpointOf, isShare, pickerFor, settled, sharesOf, viewOf, weightedView } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';
import { reported } from '../load-reports/reports.js';
import { type AskingFleet, asking, busy, type Probe } from './asked.js';

function fleetOf(
  count: number,
  options: PrequalOptions = {},
  answer?: (probe: Probe) => void,
  seed = 1,
): AskingFleet & { endpoints: readonly Endpoint[] } {
  const { view, endpoints } = weightedView(Array.from({ length: count }, () => 1));
  return { ...asking(prequal({ idleProbingMs: 0, ...options }), view, answer === undefined ? { seed } : { seed, answer }), endpoints };
}

/** So many picks, each with what follows from it. */
async function picks({ picker, view, clock }: AskingFleet, count: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const id = picker.pick(view, aCall, clock.now())?.id ?? 'none';
    counts.set(id, (counts.get(id) ?? 0) + 1);
    await clock.settle();
  }
  return counts;
}

const idle = (probe: Probe) => probe.answer(busy(0));

describe('prequal', () => {
  test('sends so many probes with each request, also where the number is no whole one', async () => {
    for (const [probesPerRequest, requests, probes] of [
      [3, 10, 30],
      [1, 10, 10],
      [0.25, 10, 2],
      [0, 10, 0],
    ] as const) {
      const fleet = fleetOf(50, { probesPerRequest }, idle);
      await picks(fleet, requests);
      assert.equal(fleet.sent().length, probes, `${probesPerRequest}`);
    }
  });

  test('asks the path of load reports with its time, or another', async () => {
    const fleet = fleetOf(9, {}, idle);
    await picks(fleet, 1);
    assert.deepEqual(
      fleet.sent().map(({ question }) => question),
      [{ path: '/.well-known/fetchmesh/load', timeoutMs: 250 }],
    );
    const other = fleetOf(9, { probePath: '/load', probeTimeoutMs: 3 }, idle);
    await picks(other, 1);
    assert.deepEqual(
      other.sent().map(({ question }) => question),
      [{ path: '/load', timeoutMs: 3 }],
    );
  });

  test('sends no probe before the request that pays for it', () => {
    const fleet = fleetOf(9);
    fleet.picker.pick(fleet.view, aCall, 0);
    assert.equal(fleet.sent().length, 0);
  });

  test('sends a request to the endpoint that has least to do, of those it has asked', async () => {
    const fleet = fleetOf(10, { probesPerRequest: 0 });
    fleet.endpoints.forEach((endpoint, index) => {
      reported(fleet.picker, endpoint, busy(index === 7 ? 1 : 5 + index), 0);
    });
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), fleet.endpoints[7]);
  });

  test('prefers the faster one of those with as much to do', async () => {
    const fleet = fleetOf(10, { probesPerRequest: 0 });
    fleet.endpoints.forEach((endpoint, index) => {
      reported(fleet.picker, endpoint, busy(2, index === 3 ? 4 : 9), 0);
    });
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), fleet.endpoints[3]);
  });

  test('goes by what an endpoint has to do now, and not by how idle it was lately', () => {
    // Twice as fast on average, because it had nothing to do: 10 a second in 10 ms are 0.1 in flight.
    const wasIdle = 'TEXT named_metrics.rif=4,named_metrics.svc=10,rps_fractional=10';
    const wasBusy = 'TEXT named_metrics.rif=1,named_metrics.svc=20,rps_fractional=200';
    const fleet = fleetOf(2, { probesPerRequest: 0, hotQuantile: 1 });
    const [one, other] = fleet.endpoints;
    assert.ok(one && other);
    reported(fleet.picker, one, wasIdle, 0);
    reported(fleet.picker, other, wasBusy, 0);
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), other);
  });

  test('takes a server that has no latency to tell yet for an average one', () => {
    const fleet = fleetOf(3, { probesPerRequest: 0, hotQuantile: 1 });
    const [slow, fresh, fast] = fleet.endpoints;
    assert.ok(slow && fresh && fast);
    reported(fleet.picker, fast, busy(0, 10), 0);
    reported(fleet.picker, slow, busy(50, 1_000), 0);
    reported(fleet.picker, fresh, 'TEXT named_metrics.rif=0', 0);
    // 59.5 for the fresh one; 10, 20, 30 and on for the fast one, as it gets more to do.
    const order = Array.from({ length: 7 }, () => fleet.picker.pick(fleet.view, aCall, 0));
    assert.deepEqual(order, [fast, fast, fast, fast, fast, fresh, fast]);
  });

  test('picks as p2c does while it has no two reports', async () => {
    const fleet = fleetOf(6, {}, (probe) => probe.lose());
    const counts = await picks(fleet, 300);
    assert.equal(counts.size, 6);
    const { view, picker } = fleetOf(6);
    assert.equal(sharesOf(picker, view, 300).size, 6);
  });

  test('has no more probes under way than it may, and one to an endpoint', async () => {
    const fleet = fleetOf(50, { probesPerRequest: 10, maxProbesInFlight: 7 });
    await picks(fleet, 5);
    const probes = fleet.sent();
    assert.equal(probes.length, 7);
    assert.equal(new Set(probes.map(({ endpoint }) => endpoint)).size, 7);
    for (const probe of probes.slice(0, 4)) probe.answer(busy(1));
    await fleet.clock.settle();
    await picks(fleet, 1);
    assert.equal(fleet.sent().length, 4);
  });

  test('asks nobody where there is nothing to choose', async () => {
    for (const count of [0, 1]) {
      const fleet = fleetOf(count, { probesPerRequest: 3 }, idle);
      await picks(fleet, 5);
      assert.equal(fleet.sent().length, 0);
    }
  });

  test('does not ask an endpoint again for a second that left a probe unanswered, and longer each time', async () => {
    const fleet = fleetOf(2, { probesPerRequest: 2 });
    const [deaf] = fleet.endpoints;
    const askedAtMs: number[] = [];
    for (let tick = 0; tick < 1_200; tick++) {
      await picks(fleet, 1);
      for (const probe of fleet.sent()) {
        if (probe.endpoint === deaf) {
          askedAtMs.push(fleet.clock.now());
          probe.lose();
        } else {
          probe.answer(busy(0));
        }
      }
      await fleet.clock.advance(100);
    }
    const gaps = askedAtMs.slice(1).map((atMs, index) => atMs - (askedAtMs[index] ?? 0));
    assert.ok(gaps.length >= 5 && gaps.length <= 9, `${gaps}`);
    gaps.forEach((gapMs, index) => {
      const mostMs = Math.min(30_000, 1_000 * 2 ** index);
      assert.ok(gapMs >= mostMs / 2 && gapMs <= mostMs + 400, `${gaps}`);
    });
  });

  test('forgets the report of an endpoint that leaves a probe unanswered', async () => {
    const fleet = fleetOf(2, { probesPerRequest: 2, hotQuantile: 0 });
    const [deaf, other] = fleet.endpoints;
    assert.ok(deaf && other);
    await picks(fleet, 1);
    for (const probe of fleet.sent()) probe.answer(busy(probe.endpoint === deaf ? 0 : 50));
    await fleet.clock.settle();
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), deaf);
    await fleet.clock.settle();
    for (const probe of fleet.sent()) {
      if (probe.endpoint === deaf) probe.lose();
      else probe.answer(busy(50));
    }
    await fleet.clock.settle();
    // One report alone is nothing to go by: p2c has both again.
    const shares = sharesOf(fleet.picker, fleet.view, 200, fleet.clock.now());
    assert.equal(shares.size, 2);
  });

  test('gives those who answer without a report their share, and does not ask them again for most of a minute', async () => {
    const fleet = fleetOf(10, { probesPerRequest: 3 });
    const silent = new Set(fleet.endpoints.slice(0, 4));
    let askedSilent = 0;
    const step = async (count: number): Promise<Map<string, number>> => {
      const counts = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        const id = fleet.picker.pick(fleet.view, aCall, fleet.clock.now())?.id ?? 'none';
        counts.set(id, (counts.get(id) ?? 0) + 1);
        await fleet.clock.advance(1);
        for (const probe of fleet.sent()) {
          if (silent.has(probe.endpoint)) {
            askedSilent++;
            probe.answer(undefined, 404);
          } else {
            probe.answer(busy(0));
          }
        }
      }
      return counts;
    };
    await step(200);
    assert.equal(askedSilent, 4);
    const counts = await step(4_000);
    const toSilent = fleet.endpoints.filter((endpoint) => silent.has(endpoint)).reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0);
    assert.ok(isShare(toSilent, 4_000, 0.4), `${toSilent} of 4000`);
    assert.equal(counts.size, 10);
    assert.equal(askedSilent, 4);
    await fleet.clock.advance(60_000);
    await step(100);
    assert.equal(askedSilent, 8);
  });

  test('takes an endpoint back that reports after all, be it in an ordinary answer', async () => {
    const fleet = fleetOf(2, { probesPerRequest: 2, hotQuantile: 0 });
    const [one, other] = fleet.endpoints;
    assert.ok(one && other);
    await picks(fleet, 1);
    for (const probe of fleet.sent()) probe.answer(probe.endpoint === one ? undefined : busy(30));
    await fleet.clock.settle();
    reported(fleet.picker, one, busy(0), 0);
    await fleet.clock.settle();
    for (let i = 0; i < 5; i++) assert.equal(fleet.picker.pick(fleet.view, aCall, 0), one);
  });

  test('believes the report of a refusal, as an older server gives it', async () => {
    const fleet = fleetOf(4, { probesPerRequest: 4 }, (probe) => probe.answer(busy(probe.endpoint.id === 'e2' ? 0 : 40), 404));
    await picks(fleet, 1);
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), fleet.endpoints[2]);
  });

  test('is not drawn to an endpoint that fails at once and therefore looks idle', async () => {
    const fleet = fleetOf(10, { probesPerRequest: 3 }, (probe) => probe.answer(probe.endpoint.id === 'e0' ? busy(0, 0.01) : busy(3, 20)));
    const sinkhole = fleet.endpoints[0];
    let failed = 0;
    const requests = 20_000;
    for (let i = 0; i < requests; i++) {
      const endpoint = fleet.picker.pick(fleet.view, aCall, fleet.clock.now());
      assert.ok(endpoint);
      if (endpoint === sinkhole) failed++;
      settled(fleet.picker, endpoint, endpoint === sinkhole ? 'failure' : 'success', 5, fleet.clock.now());
      await fleet.clock.advance(5);
    }
    // 100 seconds: five failures at first, one after each of some ten pauses. Without reports of failures it would be nearly all.
    assert.ok(failed >= 4 && failed < 40, `${failed} of ${requests} failed`);
  });

  test('forgives now and then a failure', async () => {
    const fleet = fleetOf(4, { probesPerRequest: 2 }, (probe) => probe.answer(busy(1)));
    const counts = new Map<Endpoint, number>();
    for (let i = 0; i < 4_000; i++) {
      const endpoint = fleet.picker.pick(fleet.view, aCall, fleet.clock.now());
      assert.ok(endpoint);
      const nth = (counts.get(endpoint) ?? 0) + 1;
      counts.set(endpoint, nth);
      settled(fleet.picker, endpoint, nth % 10 === 0 ? 'failure' : 'success', 5, fleet.clock.now());
      await fleet.clock.advance(5);
    }
    for (const count of counts.values()) assert.ok(count > 500, `${[...counts.values()]}`);
    assert.equal(counts.size, 4);
  });

  test('leaves at most half of the endpoints out, so that the others are not buried', async () => {
    const asked = new Set<string>();
    const fleet = fleetOf(10, { probesPerRequest: 10, maxProbesInFlight: 100 }, (probe) => {
      asked.add(probe.endpoint.id);
      probe.answer(busy(0));
    });
    for (const endpoint of fleet.endpoints) for (let i = 0; i < 6; i++) settled(fleet.picker, endpoint, 'failure', 1, 0);
    await picks(fleet, 50);
    assert.equal(asked.size, 5);
    await fleet.clock.advance(1_001);
    await picks(fleet, 50);
    assert.equal(asked.size, 10);
  });

  test('stays away from an endpoint for as long as it asked to be left alone', async () => {
    const fleet = fleetOf(5, { probesPerRequest: 5 }, idle);
    const [tired] = fleet.endpoints;
    assert.ok(tired);
    await picks(fleet, 5);
    tired.retryAfterMs = 10_000;
    settled(fleet.picker, tired, 'retryable', 1, 0);
    assert.equal((await picks(fleet, 300)).get(tired.id), undefined);
    await fleet.clock.advance(10_001);
    assert.ok(((await picks(fleet, 300)).get(tired.id) ?? 0) > 10);
  });

  test('lets go of the report of an endpoint that broke', async () => {
    const fleet = fleetOf(3, { probesPerRequest: 0 });
    const [one, other, third] = fleet.endpoints;
    assert.ok(one && other && third);
    reported(fleet.picker, one, busy(0), 0);
    reported(fleet.picker, other, busy(10), 0);
    reported(fleet.picker, third, busy(20), 0);
    const shutter = fleet.view.shutterFor(one);
    shutter.shut('broken');
    shutter.open();
    assert.equal(fleet.picker.pick(fleet.view, aCall, 0), other);
  });

  test('knows nothing of an endpoint that has the place of another', async () => {
    const fleet = fleetOf(3, { probesPerRequest: 3 });
    const [one] = fleet.endpoints;
    assert.ok(one);
    await picks(fleet, 1);
    const before = fleet.sent();
    fleet.view.remove(one);
    const newcomer = endpointOf(9);
    fleet.view.add(newcomer);
    for (const probe of before) probe.answer(probe.endpoint === one ? undefined : busy(0));
    await fleet.clock.settle();
    await picks(fleet, 1);
    assert.ok(fleet.sent().some(({ endpoint }) => endpoint === newcomer));
  });

  test('keeps reports fresh for some seconds after the last request, with few probes, and then stops', async () => {
    const { view } = weightedView(Array.from({ length: 20 }, () => 1));
    const fleet = asking(prequal({ idleProbingMs: 5_000 }), view, { answer: idle });
    await picks(fleet, 1);
    fleet.sent();
    const perSecond: number[] = [];
    for (let second = 0; second < 9; second++) {
      await fleet.clock.advance(1_000);
      perSecond.push(fleet.sent().length);
    }
    for (const probes of perSecond.slice(0, 5)) assert.ok(probes >= 3 && probes <= 6, `${perSecond}`);
    assert.deepEqual(perSecond.slice(6), [0, 0, 0]);
    assert.equal(fleet.clock.pendingTimers, 0);
    await picks(fleet, 1);
    assert.equal(fleet.clock.pendingTimers, 1);
    fleet.picker.close?.();
    assert.equal(fleet.clock.pendingTimers, 0);
  });

  test('asks nothing for a pause while requests come', async () => {
    const { view } = weightedView(Array.from({ length: 20 }, () => 1));
    const fleet = asking(prequal({ probesPerRequest: 0.5 }), view, { answer: idle });
    for (let i = 0; i < 100; i++) {
      await picks(fleet, 1);
      await fleet.clock.advance(100);
    }
    assert.equal(fleet.sent().length, 50);
  });

  test('pauses of two clients are not looked after at the same times', async () => {
    const times = async (seed: number): Promise<number[]> => {
      const { view } = weightedView(Array.from({ length: 20 }, () => 1));
      const at: number[] = [];
      const fleet = asking(prequal({ idleProbingMs: 5_000 }), view, {
        seed,
        answer(probe) {
          at.push(fleet.clock.now());
          idle(probe);
        },
      });
      await picks(fleet, 1);
      await fleet.clock.advance(6_000);
      return [...new Set(at)].slice(1);
    };
    const [one, other] = [await times(1), await times(2)];
    assert.ok(one.length >= 6 && !one.some((ms) => other.includes(ms)), `${one} and ${other}`);
  });

  test('gives up what is under way when it is closed, and does nothing from then on', async () => {
    const fleet = fleetOf(10, { probesPerRequest: 4 });
    await picks(fleet, 2);
    const probes = fleet.sent();
    assert.ok(probes.length > 4);
    fleet.picker.pick(fleet.view, aCall, 0);
    fleet.picker.close?.();
    await fleet.clock.settle();
    assert.ok(probes.every(({ cancelled }) => cancelled));
    assert.equal(fleet.sent().length, 0);
    assert.equal(fleet.clock.pendingTimers, 0);
  });

  test('asks by weight, and so picks about by weight', async () => {
    const { view, endpoints } = weightedView([1, ...Array.from({ length: 99 }, () => 10)]);
    const fleet = asking(prequal({ idleProbingMs: 0, probesPerRequest: 3 }), view, { answer: (probe) => probe.answer(busy(1)) });
    const [canary] = endpoints;
    assert.ok(canary);
    const counts = await picks(fleet, 20_000);
    const share = (counts.get(canary.id) ?? 0) / 20_000;
    // 1 of 991.
    assert.ok(share > 0.0004 && share < 0.002, `${share}`);
  });

  test('never picks an endpoint that is shut, removed or of a lower priority, whatever it is told, and always picks one if there is one', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('add' as const), priority: fc.nat(2), weight: fc.integer({ min: 1, max: 3 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index: fc.nat(30) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constantFrom('broken' as const, 'busy' as const, 'open' as const), index: fc.nat(30) }),
      },
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('pick' as const), failed: fc.boolean(), waitMs: fc.nat(300) }) },
      {
        weight: 8,
        arbitrary: fc.record({ kind: fc.constantFrom('report' as const, 'mute' as const, 'lose' as const), inFlight: fc.nat(5) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), fc.nat(1_000), async (steps, seed) => {
        const view = viewOf();
        const fleet = asking(prequal({ probesPerRequest: 2, poolSize: 4 }), view, { seed });
        const present: { endpoint: Endpoint; shutter: Shutter; isShut: boolean }[] = [];
        let open: Probe[] = [];
        let added = 0;
        for (const each of steps) {
          if (each.kind === 'add') {
            const endpoint = endpointOf(added++, { priority: each.priority, weight: each.weight });
            view.add(endpoint);
            present.push({ endpoint, shutter: view.shutterFor(endpoint), isShut: false });
          } else if (each.kind === 'pick') {
            await fleet.clock.advance(each.waitMs);
            const candidates = present.filter(({ isShut }) => !isShut).map(({ endpoint }) => endpoint);
            const priority = Math.min(...candidates.map(({ instance }) => instance.priority));
            const allowed = candidates.filter(({ instance }) => instance.priority === priority);
            const endpoint = fleet.picker.pick(view, aCall, fleet.clock.now());
            if (allowed.length === 0) assert.equal(endpoint, undefined);
            else assert.ok(endpoint !== undefined && allowed.includes(endpoint), endpoint?.id);
            if (endpoint !== undefined) settled(fleet.picker, endpoint, each.failed ? 'failure' : 'success', 5, fleet.clock.now());
            await fleet.clock.settle();
            open = [...open, ...fleet.sent()];
            for (const probe of open) assert.ok(probe.endpoint.slot < 0 || view.bySlot[probe.endpoint.slot] === probe.endpoint);
          } else if ('inFlight' in each) {
            const probe = open.shift();
            if (each.kind === 'report') probe?.answer(busy(each.inFlight));
            else if (each.kind === 'mute') probe?.answer();
            else probe?.lose();
            await fleet.clock.settle();
          } else {
            const index = each.index % Math.max(1, present.length);
            const target = present[index];
            if (target === undefined) continue;
            if (each.kind === 'remove') {
              view.remove(target.endpoint);
              present.splice(index, 1);
            } else if (each.kind === 'open') {
              target.shutter.open();
              target.isShut = false;
            } else {
              target.shutter.shut(each.kind);
              target.isShut = true;
            }
          }
        }
        fleet.picker.close?.();
      }),
      { numRuns: 60 },
    );
  });

  test('allocates nothing on a pick by itself', () => {
    const { view, endpoints } = weightedView(Array.from({ length: 16 }, () => 1));
    const picker = pickerFor(prequal({ poolSize: 16 }), view, { next: () => 0.37 });
    const reports = () => {
      for (const endpoint of endpoints) reported(picker, endpoint, busy(2), 100);
    };
    const bytes = bytesLeftBy(() => picker.pick(view, aCall, 100), reports);
    assert.ok(bytes < 2, `${bytes} bytes a pick`);
  });

  test('refuses bad options by name', () => {
    for (const [options, message] of [
      [{ probesPerRequest: 11 }, /prequal\.probesPerRequest must be a number from 0 to 10, got 11/],
      [{ probesPerRequest: Number.NaN }, /prequal\.probesPerRequest/],
      [{ poolSize: 1 }, /prequal\.poolSize/],
      [{ maxAgeMs: 9 }, /prequal\.maxAgeMs/],
      [{ removesPerRequest: -1 }, /prequal\.removesPerRequest/],
      [{ hotQuantile: 1.1 }, /prequal\.hotQuantile/],
      [{ probePath: 'load' }, /prequal\.probePath must be a path/],
      [{ probeTimeoutMs: 0 }, /prequal\.probeTimeoutMs/],
      [{ maxProbesInFlight: 0 }, /prequal\.maxProbesInFlight/],
      [{ idleProbingMs: -1 }, /prequal\.idleProbingMs/],
      [{ probes: 3 } as object, /unknown option 'probes'/],
    ] as const) {
      assert.throws(() => prequal(options), message);
    }
  });
});
