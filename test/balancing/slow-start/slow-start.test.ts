import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { maglev } from '../../../src/balancing/hashing/maglev.js';
import { ringHash } from '../../../src/balancing/hashing/ring-hash.js';
import { leastRequest } from '../../../src/balancing/least-request.js';
import { weightedRoundRobin } from '../../../src/balancing/load-reports/weighted-round-robin.js';
import { byLocality } from '../../../src/balancing/locality/by-locality.js';
import { p2c } from '../../../src/balancing/p2c.js';
import { pendingRequests } from '../../../src/balancing/pending-requests.js';
import { random } from '../../../src/balancing/random.js';
import { roundRobin } from '../../../src/balancing/round-robin.js';
import { rampFactor } from '../../../src/balancing/slow-start/ramp-factor.js';
import { type SlowStartOptions, slowStart } from '../../../src/balancing/slow-start/slow-start.js';
import { subset } from '../../../src/balancing/subsetting/subset.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Balancer, Picker } from '../../../src/core/picker.js';
import type { Random } from '../../../src/core/random.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { aCall, cellsOf, endpointOf, settled, viewOf, weightedView } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';
import { simulate } from '../traffic.js';

const WINDOW_MS = 100_000;

let keys = 0;
const READY_KEYS = Array.from({ length: 4_096 }, (_, index) => `key ${index}`);
const byAnyKey = { by: () => READY_KEYS[keys++ % READY_KEYS.length] };

const balancers: Record<string, () => Balancer> = {
  random: () => random(),
  roundRobin: () => roundRobin(),
  p2c: () => p2c(),
  'p2c of four, all compared': () => p2c({ fullScanUpTo: 64 }),
  'leastRequest, all compared': () => leastRequest({ fullScanUpTo: 1_024 }),
  'leastRequest of three': () => leastRequest({ choices: 3, fullScanUpTo: 0 }),
  weightedRoundRobin: () => weightedRoundRobin(),
  'maglev without a bound': () => maglev({ ...byAnyKey, loadBound: Number.POSITIVE_INFINITY }),
  maglev: () => maglev(byAnyKey),
  ringHash: () => ringHash({ ...byAnyKey, virtualNodes: 1_000 }),
};

interface Started {
  readonly view: EndpointView;
  readonly picker: Picker;
  readonly clock: VirtualClock;
  readonly endpoints: Endpoint[];
}

/** A picker that has picked already, of endpoints with these weights. */
function started(
  inner: Balancer,
  weights: readonly number[],
  options: Partial<SlowStartOptions> = {},
  chance: Random = seededRandom(1),
): Started {
  const { view, endpoints } = weightedView(weights);
  const clock = new VirtualClock();
  const balancer = slowStart(inner, { windowMs: WINDOW_MS, ...options });
  const picker = balancer.build({ service: 'users', view, random: chance, clock });
  picker.pick(view, aCall, clock.now());
  return { view, picker, clock, endpoints };
}

/** How many of `picks` go to `endpoint`. */
function picksOf({ picker, view, clock }: Started, endpoint: Endpoint, picks: number): number {
  let count = 0;
  for (let i = 0; i < picks; i++) if (picker.pick(view, aCall, clock.now()) === endpoint) count++;
  return count;
}

function joined({ view }: Started, weight = 1): Endpoint {
  const endpoint = endpointOf(99, { weight });
  view.add(endpoint);
  return endpoint;
}

function ones(count: number): number[] {
  return Array.from({ length: count }, () => 1);
}

test("the factor is Envoy's, to the last digit", () => {
  const factor = (ageMs: number, aggression = 1, minWeightPercent = 10) =>
    rampFactor({ windowMs: 60_000, aggression, minWeightPercent }, ageMs);
  assert.equal(factor(0), 0.1);
  assert.equal(factor(5_999), 0.1);
  assert.equal(factor(15_000), 0.25);
  assert.equal(factor(59_999), 59_999 / 60_000);
  assert.equal(factor(60_000), 1);
  assert.equal(factor(1e9), 1);
  assert.equal(factor(15_000, 2), 0.5);
  assert.equal(factor(15_000, 0.5), 0.1);
  assert.equal(factor(15_000, 0.5, 5), 0.0625);
  assert.equal(factor(30_000, 0.5), 0.25);
  assert.equal(factor(0, 1, 0), 1 / 60_000);
  assert.equal(factor(0, 1, 100), 1);
});

test('over the whole window it comes to 50.5 % of the weight on a straight line, and to 67 % with an aggression of 2', () => {
  const mean = (aggression: number) => {
    let sum = 0;
    for (let ageMs = 0; ageMs < 60_000; ageMs++) sum += rampFactor({ windowMs: 60_000, aggression, minWeightPercent: 10 }, ageMs);
    return sum / 60_000;
  };
  assert.ok(Math.abs(mean(1) - 0.505) < 1e-4, String(mean(1)));
  assert.ok(Math.abs(mean(2) - 2 / 3) < 1e-3, String(mean(2)));
});

for (const [name, make] of Object.entries(balancers)) {
  describe(`around ${name}`, () => {
    test('a new endpoint gets the share that its ramped weight is worth, at each moment, and a whole one in the end', async () => {
      const setting = started(make(), ones(9));
      const endpoint = joined(setting);
      const picks = 40_000;
      for (const percent of [10, 25, 50, 75]) {
        await setting.clock.advance((percent / 100) * WINDOW_MS - setting.clock.now());
        const expected = percent / (900 + percent);
        const share = picksOf(setting, endpoint, picks) / picks;
        assert.ok(Math.abs(share / expected - 1) < 0.06, `${share} in place of ${expected}`);
      }
      await setting.clock.advance(WINDOW_MS);
      const plain = make().build({ service: 'users', view: setting.view, random: seededRandom(9), clock: setting.clock });
      const without = picksOf({ ...setting, picker: plain }, endpoint, picks) / picks;
      const share = picksOf(setting, endpoint, picks) / picks;
      assert.ok(Math.abs(share / without - 1) < 0.06 && Math.abs(share / 0.1 - 1) < 0.12, `${share}, and ${without} without`);
    });

    test('it gets no more than that although it is idle and the others are busy', async () => {
      const setting = started(make(), ones(9));
      const { view, picker } = setting;
      for (const endpoint of setting.endpoints) for (let i = 0; i < 3; i++) view.track(endpoint, 1);
      const endpoint = joined(setting);
      await setting.clock.advance(WINDOW_MS / 4);
      const counts = simulate({
        picker: { pick: (_view, call) => picker.pick(view, call, setting.clock.now()) },
        view,
        random: seededRandom(3),
        perSecond: 4_000,
        requests: 20_000,
        respond: () => ({ latencyMs: 10 }),
      });
      const expected = 0.25 / 9.25;
      const share = (counts.get(endpoint.id) ?? 0) / 20_000;
      assert.ok(share < expected * 1.1 && share > expected * 0.9, `${share} in place of ${expected}`);
    });

    test('never picks an endpoint that is shut, removed or of a lower priority, always picks one if there is one, and leaves the cells as they were', () => {
      propertyOf(make);
    });

    test('allocates nothing on a pick while endpoints warm up, beyond what the source of chance does', async () => {
      const { view, picker, clock } = started(make(), ones(12), {}, { next: () => 0.37 });
      for (let index = 20; index < 26; index++) view.add(endpointOf(index));
      await clock.advance(WINDOW_MS / 4);
      const nowMs = clock.now();
      const bytes = bytesLeftBy(() => picker.pick(view, aCall, nowMs));
      assert.ok(bytes < 2, `${bytes} bytes a pick`);
    });
  });
}

const change = fc.record({
  kind: fc.constantFrom('add', 'add', 'remove', 'shut', 'shut', 'open', 'move', 'track', 'pick', 'pick', 'pick', 'pick'),
  index: fc.nat(30),
  weight: fc.integer({ min: 1, max: 3 }),
  priority: fc.nat(1),
  reason: fc.constantFrom('broken' as const, 'busy' as const),
});

function propertyOf(make: () => Balancer): void {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), fc.nat(), (changes, seed) => {
      const { view, picker } = started(make(), [], { windowMs: 60 }, seededRandom(seed));
      const present: { endpoint: Endpoint; shutter: Shutter; open: boolean; inFlight: number }[] = [];
      changes.forEach(({ kind, index, weight, priority, reason }, nowMs) => {
        const at = index % Math.max(1, present.length);
        const target = present[at];
        if (kind === 'add') {
          const endpoint = endpointOf(0, { id: `users-${index}`, weight, priority });
          view.add(endpoint);
          present.push({ endpoint, shutter: view.shutterFor(endpoint), open: true, inFlight: 0 });
        } else if (kind === 'pick') {
          const open = present.filter((each) => each.open).map(({ endpoint }) => endpoint);
          const first = Math.min(...open.map(({ instance }) => instance.priority));
          const picked = picker.pick(view, aCall, nowMs);
          if (picked === undefined) assert.equal(open.length, 0);
          else {
            assert.ok(open.includes(picked) && picked.instance.priority === first, picked.id);
            settled(picker, picked, 'success', 5, nowMs);
          }
          for (const { endpoint, inFlight } of present) assert.equal(cellsOf(view, endpoint).inFlight, inFlight);
        } else if (target === undefined) {
          return;
        } else if (kind === 'remove') {
          view.remove(target.endpoint);
          present.splice(at, 1);
        } else if (kind === 'move') {
          view.change(target.endpoint, { ...target.endpoint.instance, weight, priority });
        } else if (kind === 'track') {
          view.track(target.endpoint, 1);
          target.inFlight++;
        } else {
          target.open = kind === 'open';
          if (target.open) target.shutter.open();
          else target.shutter.shut(reason);
        }
      });
    }),
    { numRuns: 60 },
  );
}

describe('who warms up', () => {
  const isHeldBack = (setting: Started, endpoint: Endpoint) => picksOf(setting, endpoint, 1_000) < 40;

  test('nobody of the first list, however long after the balancer was made it came', () => {
    const view = viewOf();
    const clock = new VirtualClock();
    const picker = slowStart(random(), { windowMs: WINDOW_MS }).build({ service: 'users', view, random: seededRandom(1), clock });
    const endpoints = ones(10).map((_, index) => endpointOf(index));
    for (const endpoint of endpoints) view.add(endpoint);
    for (const endpoint of endpoints) assert.ok(!isHeldBack({ view, clock, picker, endpoints }, endpoint));
  });

  test('one that comes back after it was broken, from the moment that it can be picked again', async () => {
    const setting = started(random(), ones(10));
    const [endpoint] = setting.endpoints;
    assert.ok(endpoint);
    const shutter = setting.view.shutterFor(endpoint);
    shutter.shut('broken');
    await setting.clock.advance(10 * WINDOW_MS);
    shutter.open();
    assert.ok(isHeldBack(setting, endpoint));
    await setting.clock.advance(WINDOW_MS);
    assert.ok(!isHeldBack(setting, endpoint));
  });

  test('not one that was merely busy', () => {
    const setting = started(random(), ones(10));
    const [endpoint] = setting.endpoints;
    assert.ok(endpoint);
    const shutter = setting.view.shutterFor(endpoint);
    shutter.shut('busy');
    shutter.open();
    assert.ok(!isHeldBack(setting, endpoint));
  });

  test('one that was busy and broke before it was free again', () => {
    const setting = started(random(), ones(10));
    const [endpoint] = setting.endpoints;
    assert.ok(endpoint);
    const bulkhead = setting.view.shutterFor(endpoint);
    const breaker = setting.view.shutterFor(endpoint);
    setting.view.track(endpoint, 1);
    bulkhead.shut('busy');
    breaker.shut('broken');
    setting.view.track(endpoint, -1);
    bulkhead.open();
    breaker.open();
    assert.ok(isHeldBack(setting, endpoint));
  });

  test('one that breaks while it warms up begins anew', async () => {
    const setting = started(random(), ones(9));
    const endpoint = joined(setting);
    const shutter = setting.view.shutterFor(endpoint);
    await setting.clock.advance(WINDOW_MS * 0.9);
    assert.ok(!isHeldBack(setting, endpoint));
    shutter.shut('broken');
    shutter.open();
    assert.ok(isHeldBack(setting, endpoint));
  });

  test('where all are new nobody is held back, and a slow one still loses requests to the others', () => {
    const setting = started(p2c(), ones(1));
    const { view, picker, clock, endpoints } = setting;
    for (const endpoint of endpoints) view.remove(endpoint);
    const fresh = ones(6).map((_, index) => endpointOf(index + 10));
    for (const endpoint of fresh) view.add(endpoint);
    const [slow] = fresh;
    assert.ok(slow);
    const counts = simulate({
      picker: { pick: (_view, call) => picker.pick(view, call, clock.now()), settle: (...each) => picker.settle?.(...each) },
      view,
      random: seededRandom(3),
      perSecond: 500,
      requests: 5_000,
      respond: (endpoint) => ({ latencyMs: endpoint === slow ? 100 : 5 }),
    });
    assert.ok((counts.get(slow.id) ?? 0) < 300, String([...counts]));
  });
});

describe('what a ramped weight is', () => {
  test('a part of the own one, relative to those of the others', async () => {
    for (const inner of [random(), roundRobin(), p2c(), leastRequest()]) {
      const setting = started(inner, [1, 2, 3, 4]);
      const endpoint = joined(setting, 6);
      await setting.clock.advance(WINDOW_MS / 2);
      const share = picksOf(setting, endpoint, 40_000) / 40_000;
      assert.ok(Math.abs(share / (3 / 13) - 1) < 0.05, `${inner.name}: ${share} in place of ${3 / 13}`);
    }
  });

  test('the most that an endpoint gets: one that is slow gets less', async () => {
    const setting = started(p2c({ load: pendingRequests() }), ones(9));
    const { view, picker, clock } = setting;
    const endpoint = joined(setting);
    await clock.advance(WINDOW_MS / 2);
    const counts = simulate({
      picker: { pick: (_view, call) => picker.pick(view, call, clock.now()) },
      view,
      random: seededRandom(3),
      perSecond: 1_000,
      requests: 20_000,
      respond: (each) => ({ latencyMs: each === endpoint ? 500 : 5 }),
    });
    assert.ok((counts.get(endpoint.id) ?? 0) < (20_000 * 0.5) / 9.5 / 4, String([...counts]));
  });

  test('kept where most of the endpoints are new', async () => {
    for (const inner of [random(), roundRobin(), p2c()]) {
      const setting = started(inner, ones(10));
      for (let index = 20; index < 110; index++) setting.view.add(endpointOf(index));
      await setting.clock.advance(WINDOW_MS / 10);
      let warm = 0;
      for (let i = 0; i < 40_000; i++) {
        const endpoint = setting.picker.pick(setting.view, aCall, setting.clock.now());
        if (endpoint !== undefined && setting.endpoints.includes(endpoint)) warm++;
      }
      const expected = 10 / 19;
      assert.ok(Math.abs(warm / 40_000 / expected - 1) < 0.07, `${inner.name}: ${warm / 40_000} in place of ${expected}`);
    }
  });

  test("heeded within a part: by locality's and by a subset's", async () => {
    for (const outer of [(inner: Balancer) => byLocality(inner), (inner: Balancer) => subset(inner, { size: 100 })]) {
      const { view } = weightedView(ones(9));
      const clock = new VirtualClock();
      const balancer = outer(slowStart(p2c(), { windowMs: WINDOW_MS }));
      const picker = balancer.build({ service: 'users', view, random: seededRandom(1), clock });
      const setting = { view, clock, picker, endpoints: [] };
      picker.pick(view, aCall, clock.now());
      const endpoint = joined(setting);
      picker.pick(view, aCall, clock.now());
      await clock.advance(WINDOW_MS / 4);
      const share = picksOf(setting, endpoint, 40_000) / 40_000;
      assert.ok(Math.abs(share / (0.25 / 9.25) - 1) < 0.06, `${balancer.name}: ${share}`);
    }
  });
});

test('what the balancer within throws leaves the cells as they were', () => {
  let picks = 0;
  const failing: Balancer = {
    name: 'failing',
    build: () => ({
      pick(view) {
        if (++picks > 2) throw new Error('out of order');
        return view.bySlot[view.slots[view.count - 1] as number];
      },
    }),
  };
  const setting = started(failing, ones(3));
  const endpoint = joined(setting);
  setting.view.track(endpoint, 1);
  assert.throws(() => setting.picker.pick(setting.view, aCall, 0), /out of order/);
  assert.equal(cellsOf(setting.view, endpoint).inFlight, 1);
});

test('a closed one listens to nothing any more, and closes the balancer within', () => {
  let closed = 0;
  const inner: Balancer = { name: 'inner', build: () => ({ pick: (view) => view.bySlot[view.slots[0] as number], close: () => closed++ }) };
  const setting = started(inner, ones(2));
  const { view, picker, clock } = setting;
  let heard = 0;
  const counting = Object.create(clock, { now: { value: () => heard++ } }) as VirtualClock;
  const other = slowStart(inner, { windowMs: 5 }).build({ service: 'users', view, random: seededRandom(1), clock: counting });
  other.pick(view, aCall, 0);
  view.add(endpointOf(7));
  assert.equal(heard, 1);
  other.close?.();
  view.add(endpointOf(8));
  assert.equal(heard, 1);
  assert.equal(closed, 1);
  picker.close?.();
});

test('bad options are named', () => {
  const fails = (options: object, message: RegExp) => assert.throws(() => Reflect.apply(slowStart, undefined, [p2c(), options]), message);
  fails({}, /slowStart\.windowMs must be a number of milliseconds above 0, got undefined/);
  fails({ windowMs: 0 }, /slowStart\.windowMs/);
  fails({ windowMs: Number.POSITIVE_INFINITY }, /slowStart\.windowMs/);
  fails({ windowMs: 1, aggression: 0 }, /slowStart\.aggression must be a number above 0 and at most 100, got 0/);
  fails({ windowMs: 1, minWeightPercent: 101 }, /slowStart\.minWeightPercent must be a number from 0 to 100, got 101/);
  fails({ windowMs: 1, window: 3 }, /slowStart\.window/);
  assert.throws(() => Reflect.apply(slowStart, undefined, [{}]), /slowStart must be around a balancer, such as p2c\(\)/);
});
