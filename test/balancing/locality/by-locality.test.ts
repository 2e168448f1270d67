import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { byLocality, type LocalityOptions } from '../../../src/balancing/locality/by-locality.js';
import { p2c } from '../../../src/balancing/p2c.js';
import { pendingRequests } from '../../../src/balancing/pending-requests.js';
import { random } from '../../../src/balancing/random.js';
import { roundRobin } from '../../../src/balancing/round-robin.js';
import type { Endpoint, Instance } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Balancer, Picker } from '../../../src/core/picker.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, cellsOf, endpointOf, isShare, pickerFor, settled, sharesOf, viewOf } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';

interface Group {
  readonly total: number;
  /** How many of them can be picked. Default: all. */
  readonly available?: number;
  readonly of?: Partial<Instance>;
}

/** A view of groups of endpoints. Those of the group with the index 1 are called g1e0, g1e1 and so on. */
function grouped(...groups: readonly Group[]): { view: EndpointView; endpoints: Endpoint[][]; shutters: Shutter[][] } {
  const view = viewOf();
  const endpoints = groups.map(({ total, of }, group) =>
    Array.from({ length: total }, (_, index) => endpointOf(index, { ...of, id: `g${group}e${index}` })),
  );
  for (const endpoint of endpoints.flat()) view.add(endpoint);
  const shutters = endpoints.map((each) => each.map((endpoint) => view.shutterFor(endpoint)));
  groups.forEach(({ total, available = total }, group) => {
    for (const shutter of shutters[group]?.slice(available) ?? []) shutter.shut('broken');
  });
  return { view, endpoints, shutters };
}

const PICKS = 40_000;

/** What part of the picks goes to each group. */
function groupShares(picker: Picker, view: EndpointView, groups: number): number[] {
  const shares = Array.from({ length: groups }, () => 0);
  for (const [id, count] of sharesOf(picker, view, PICKS)) {
    const group = Number(/^g(\d+)e/.exec(id)?.[1] ?? Number.NaN);
    shares[group] = (shares[group] ?? 0) + count;
  }
  return shares;
}

function assertShares(view: EndpointView, options: LocalityOptions, expected: readonly number[], inner: Balancer = random()): void {
  const shares = groupShares(pickerFor(byLocality(inner, options), view), view, expected.length);
  expected.forEach((share, group) => {
    assert.ok(isShare(shares[group] ?? 0, PICKS, share), `group ${group}: ${shares[group]} of ${PICKS} for ${share}`);
  });
}

describe('between priorities', () => {
  test("requests go over gently, as Envoy's arithmetic says", () => {
    for (const [available, expected] of [
      [
        [100, 100],
        [1, 0],
      ],
      [
        [72, 100],
        [1, 0],
      ],
      [
        [71, 100],
        [0.99, 0.01],
      ],
      [
        [50, 100],
        [0.7, 0.3],
      ],
      [
        [25, 100],
        [0.35, 0.65],
      ],
      [
        [0, 100],
        [0, 1],
      ],
      [
        [25, 25, 100],
        [0.35, 0.35, 0.3],
      ],
      [
        [5, 65],
        [0.08, 0.92],
      ],
    ] as const) {
      const groups = available.map((each, priority) => ({ total: 100, available: each, of: { priority: priority * 10 } }));
      assertShares(grouped(...groups).view, {}, expected);
    }
  });

  test('requests follow each change of an endpoint: shut, opened, added, removed, of another priority', () => {
    const { view, endpoints, shutters } = grouped({ total: 4 }, { total: 4, of: { priority: 1 } });
    const picker = pickerFor(byLocality(random()), view);
    const share = () => groupShares(picker, view, 2)[1] ?? 0;
    const is = (expected: number) => assert.ok(isShare(share(), PICKS, expected), `not ${expected}`);
    is(0);
    for (const index of [0, 1]) shutters[0]?.[index]?.shut('broken');
    is(0.3);
    shutters[0]?.[0]?.open();
    is(0);
    const [, , third, fourth] = endpoints[0] ?? [];
    assert.ok(third && fourth);
    view.remove(third);
    is(0.07); // two of three are left, which counts as 93 %
    view.change(fourth, { ...fourth.instance, priority: 1 });
    is(0.3 * (4 / 5)); // one of two is left, and the one that went over is among five
  });

  test('whoever is left is picked, however few they are, and nobody where nobody is left', () => {
    for (const panicRatio of [0, 0.5]) {
      const { view, shutters } = grouped({ total: 500, available: 0 }, { total: 500, available: 1, of: { priority: 3 } });
      const picker = pickerFor(byLocality(p2c(), { panicRatio }), view);
      assert.equal(picker.pick(view, aCall, 0)?.id, 'g1e0');
      shutters[1]?.[0]?.shut('busy');
      assert.equal(picker.pick(view, aCall, 0), undefined);
    }
    const empty = viewOf();
    assert.equal(pickerFor(byLocality(p2c()), empty).pick(empty, aCall, 0), undefined);
  });

  test('where all priorities are in panic, those who can be picked share the requests evenly', () => {
    const { view } = grouped({ total: 30, available: 3 }, { total: 10, available: 1, of: { priority: 1 } });
    assertShares(view, {}, [0.75, 0.25]);
  });
});

describe('between zones', () => {
  const zones = (...counts: readonly (readonly [zone: string | undefined, total: number, available?: number])[]) =>
    grouped(...counts.map(([zone, total, available = total]) => ({ total, available, of: { zone } }))).view;

  test('requests stay in the own zone where it has room for its clients, and go where there is room where it has not', () => {
    assertShares(zones(['a', 4], ['b', 4]), { zone: 'a' }, [1, 0]);
    assertShares(zones(['a', 4], ['b', 3], ['c', 3]), { zone: 'a' }, [1, 0, 0]);
    assertShares(zones(['a', 3], ['b', 4], ['c', 3]), { zone: 'a', clients: { a: 5, b: 3, c: 2 } }, [0.6, 0.2, 0.2]);
    assertShares(zones(['a', 25], ['b', 50], ['c', 25]), { zone: 'a', clients: { a: 40, b: 40, c: 20 } }, [0.625, 0.25, 0.125]);
  });

  test('a zone without endpoints, or whose endpoints are all shut, sends its requests where there is room', () => {
    assertShares(zones(['b', 4], ['c', 4]), { zone: 'a' }, [0.5, 0.5]);
    assertShares(zones(['a', 2, 0], ['b', 4], ['c', 4]), { zone: 'a' }, [0, 0.5, 0.5]);
  });

  test('endpoints that say no zone are somewhere else', () => {
    assertShares(zones(['a', 6], [undefined, 6]), { zone: 'a' }, [0.5, 0.5]);
  });

  test('zones do not matter for few endpoints, in panic, or where there is one zone alone', () => {
    assertShares(zones(['a', 2], ['b', 3]), { zone: 'a' }, [0.4, 0.6]);
    assertShares(zones(['a', 2], ['b', 3]), { zone: 'a', minEndpoints: 5 }, [0.8, 0.2]);
    assertShares(zones(['a', 20, 8], ['b', 20, 8]), { zone: 'a' }, [0.5, 0.5]);
    assertShares(zones(['a', 20, 8], ['b', 20, 8]), { zone: 'a', panicRatio: 0 }, [1, 0]);
    assertShares(zones(['b', 10]), { zone: 'a' }, [1]);
  });

  test('only the first priority heeds zones', () => {
    const { view } = grouped(
      { total: 10, available: 5, of: { zone: 'a' } },
      { total: 10, available: 5, of: { zone: 'b' } },
      { total: 10, of: { zone: 'a', priority: 1 } },
      { total: 10, of: { zone: 'b', priority: 1 } },
    );
    assertShares(view, { zone: 'a' }, [0.7, 0, 0.15, 0.15]);
  });

  test('weights share the requests of every priority, and fall with what is left of a zone', () => {
    const weights = { x: 1, y: 2 };
    assertShares(zones(['x', 100, 70], ['y', 100]), { weights }, [0.98 / 2.98, 2 / 2.98]);
    assertShares(zones(['x', 100, 50], ['y', 100]), { weights }, [0.7 / 2.7, 2 / 2.7]);
    assertShares(zones(['x', 100, 0], ['y', 100, 90], ['z', 50]), { weights }, [0, 1, 0]);
    assertShares(zones(['z', 5]), { weights }, [1]);
    const { view } = grouped(
      { total: 2, available: 0 },
      { total: 2, of: { zone: 'x', priority: 1 } },
      { total: 2, of: { zone: 'y', priority: 1 } },
    );
    assertShares(view, { weights }, [0, 1 / 3, 2 / 3]);
  });

  test('an endpoint that moves to another zone is counted there', () => {
    const { view, endpoints } = grouped({ total: 4, of: { zone: 'a' } }, { total: 4, of: { zone: 'b' } });
    const picker = pickerFor(byLocality(random(), { zone: 'a' }), view);
    assert.deepEqual(groupShares(picker, view, 2), [PICKS, 0]);
    for (const endpoint of endpoints[0] ?? []) view.change(endpoint, { ...endpoint.instance, zone: 'b' });
    for (const endpoint of endpoints[1] ?? []) view.change(endpoint, { ...endpoint.instance, zone: 'a' });
    assert.deepEqual(groupShares(picker, view, 2), [0, PICKS]);
  });
});

describe('between environments', () => {
  const staging = { metadata: { environment: 'staging' } };
  const production = { metadata: { environment: 'production' } };

  test('only endpoints of the own one are ever picked, also where none of them is left', () => {
    const { view, shutters } = grouped({ total: 5, of: staging }, { total: 5, of: { ...production, priority: 1 } }, { total: 5 });
    const picker = pickerFor(byLocality(random(), { environment: 'production' }), view);
    assert.deepEqual(groupShares(picker, view, 3), [0, PICKS, 0]);
    for (const shutter of shutters[1]?.slice(1) ?? []) shutter.shut('broken');
    assert.deepEqual(groupShares(picker, view, 3), [0, PICKS, 0]);
    shutters[1]?.[0]?.shut('broken');
    assert.equal(picker.pick(view, aCall, 0), undefined);
  });

  test('an endpoint that changes its environment comes in, or goes', () => {
    const { view, endpoints } = grouped({ total: 1, of: staging });
    const [endpoint] = endpoints[0] ?? [];
    assert.ok(endpoint);
    const picker = pickerFor(byLocality(random(), { environment: 'production' }), view);
    assert.equal(picker.pick(view, aCall, 0), undefined);
    view.change(endpoint, { ...endpoint.instance, ...production });
    assert.equal(picker.pick(view, aCall, 0), endpoint);
    view.change(endpoint, { ...endpoint.instance, ...staging });
    assert.equal(picker.pick(view, aCall, 0), undefined);
  });

  test('what a retry may go to by itself is told', () => {
    const { view, endpoints } = grouped({ total: 1, of: staging }, { total: 1, of: production });
    const picker = pickerFor(byLocality(p2c(), { environment: 'production' }), view);
    assert.deepEqual(
      endpoints.flat().map((endpoint) => picker.allows?.(endpoint, aCall)),
      [false, true],
    );
  });
});

describe('the balancer within', () => {
  test('learns of each attempt once, whichever part it was picked from', () => {
    const { view, endpoints } = grouped({ total: 4, of: { zone: 'a' } }, { total: 4, of: { zone: 'b' } });
    const [endpoint] = endpoints[0] ?? [];
    assert.ok(endpoint);
    const picker = pickerFor(byLocality(p2c({ load: pendingRequests() }), { zone: 'a' }), view);
    settled(picker, endpoint, 'failure', 1, 10);
    assert.deepEqual(cellsOf(view, endpoint), { inFlight: 0, load: 1, stampMs: 10 });
    for (const each of endpoints[1] ?? []) view.remove(each);
    picker.pick(view, aCall, 10);
    settled(picker, endpoint, 'failure', 1, 10);
    assert.equal(cellsOf(view, endpoint).load, 2);
  });

  test('is built for a part at its first use, sees that part alone, and is closed when the part is empty', () => {
    const log: string[] = [];
    const inner: Balancer = {
      name: 'noting',
      build({ view: part }) {
        const members = [...part].map(({ id }) => id).join(' ');
        log.push(`built for ${members}`);
        return { pick: () => part.bySlot[part.slots[0] ?? -1], close: () => log.push(`closed that of ${members}`) };
      },
    };
    const { view, endpoints } = grouped({ total: 2 }, { total: 2, of: { priority: 1 } });
    const picker = pickerFor(byLocality(inner), view);
    assert.deepEqual(log, []);
    assert.equal(picker.pick(view, aCall, 0)?.id, 'g0e0');
    assert.deepEqual(log.splice(0), ['built for g0e0 g0e1']);
    for (const endpoint of endpoints[0] ?? []) view.remove(endpoint);
    assert.equal(picker.pick(view, aCall, 0)?.id, 'g1e0');
    assert.deepEqual(log.splice(0), ['closed that of g0e0 g0e1', 'built for g1e0 g1e1']);
    picker.close?.();
    assert.deepEqual(log, ['closed that of g1e0 g1e1']);
  });

  test('keeps the weights of endpoints within a part', () => {
    const { view, endpoints } = grouped({ total: 2 }, { total: 1, of: { priority: 1, weight: 9 } });
    const [light, heavy] = endpoints[0] ?? [];
    assert.ok(light && heavy);
    view.change(heavy, { ...heavy.instance, weight: 3 });
    const shares = sharesOf(pickerFor(byLocality(roundRobin()), view), view, 4_000);
    assert.ok(Math.abs((shares.get(heavy.id) ?? 0) - 3_000) <= 1, String([...shares]));
  });
});

const change = fc.record({
  kind: fc.constantFrom('add', 'add', 'remove', 'shut', 'open', 'move', 'pick', 'pick', 'pick'),
  index: fc.nat(50),
  weight: fc.integer({ min: 1, max: 3 }),
  priority: fc.nat(2),
  zone: fc.constantFrom('a', 'b', undefined),
  environment: fc.constantFrom('production', 'staging'),
});

test('never picks an endpoint that is shut, removed or of another environment, and always picks one if there is one', () => {
  const settings: readonly LocalityOptions[] = [
    { environment: 'production' },
    { environment: 'production', zone: 'a', minEndpoints: 0 },
    { environment: 'production', zone: 'a', minEndpoints: 2, panicRatio: 0, clients: { a: 3, b: 1 } },
    { environment: 'production', weights: { a: 1, b: 0 }, panicRatio: 1 },
  ];
  const inners = [() => p2c(), () => random(), () => roundRobin()];
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 120 }),
      fc.nat(),
      fc.constantFrom(...settings),
      fc.constantFrom(...inners),
      (changes, seed, options, inner) => {
        const view = viewOf();
        const picker = pickerFor(byLocality(inner(), options), view, seededRandom(seed));
        const present: { endpoint: Endpoint; shutter: Shutter; open: boolean }[] = [];
        changes.forEach(({ kind, index, weight, priority, zone, environment }, added) => {
          const at = index % Math.max(1, present.length);
          const target = present[at];
          const part = { weight, priority, zone, metadata: { environment } };
          if (kind === 'add') {
            const endpoint = endpointOf(added, part);
            view.add(endpoint);
            present.push({ endpoint, shutter: view.shutterFor(endpoint), open: true });
          } else if (kind === 'pick') {
            const allowed = present.filter(({ endpoint, open }) => open && endpoint.instance.metadata.environment === 'production');
            const picked = picker.pick(view, aCall, added);
            if (picked === undefined) assert.equal(allowed.length, 0);
            else assert.ok(allowed.some(({ endpoint }) => endpoint === picked));
            if (picked !== undefined) settled(picker, picked, 'success', 5, added);
          } else if (target === undefined) {
            return;
          } else if (kind === 'remove') {
            view.remove(target.endpoint);
            present.splice(at, 1);
          } else if (kind === 'move') {
            view.change(target.endpoint, { ...target.endpoint.instance, ...part });
          } else {
            target.open = kind === 'open';
            if (target.open) target.shutter.open();
            else target.shutter.shut('broken');
          }
        });
      },
    ),
    { numRuns: 400 },
  );
});

test('a pick allocates nothing once the shares are calculated', () => {
  const { view } = grouped(
    { total: 20, available: 12, of: { zone: 'a' } },
    { total: 20, available: 12, of: { zone: 'b' } },
    { total: 9, of: { priority: 1 } },
  );
  const picker = pickerFor(byLocality(p2c(), { zone: 'a' }), view, { next: () => 0.37 });
  const bytes = bytesLeftBy(() => picker.pick(view, aCall, 100));
  assert.ok(bytes < 2, `${bytes} bytes a pick`);
});

test('bad options are named', () => {
  const fails = (options: object, message: RegExp) => assert.throws(() => byLocality(p2c(), options), message);
  fails({ zone: '' }, /byLocality\.zone must be a name that is not empty, got ''/);
  fails({ environment: 3 }, /byLocality\.environment must be a name that is not empty, got 3/);
  fails({ overprovisioning: 0.9 }, /byLocality\.overprovisioning must be a number from 1 to 10, got 0\.9/);
  fails({ panicRatio: 50 }, /byLocality\.panicRatio must be a number from 0 to 1, got 50/);
  fails({ minEndpoints: -1 }, /byLocality\.minEndpoints must be a whole number from 0 to 1000000, got -1/);
  fails({ zone: 'a', weights: { a: 1 } }, /byLocality\.weights must be left out where byLocality\.zone is given/);
  fails({ clients: { a: 1 } }, /byLocality\.clients must be left out where byLocality\.zone is not given/);
  fails({ zone: 'a', clients: { b: 1 } }, /byLocality\.clients\.a must be a number above 0/);
  fails({ weights: { a: -1 } }, /byLocality\.weights\.a must be a number from 0/);
  fails({ weights: { a: 0 } }, /byLocality\.weights must be an object with a number above 0/);
  fails({ weights: [1] }, /byLocality\.weights must be an object of numbers by zone/);
  fails({ region: 'eu' }, /byLocality\.region/);
  const notABalancer: object = {};
  assert.throws(() => Reflect.apply(byLocality, undefined, [notABalancer]), /byLocality must be around a balancer, such as p2c\(\)/);
});
