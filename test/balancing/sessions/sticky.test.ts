import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { leastRequest } from '../../../src/balancing/least-request.js';
import { byLocality } from '../../../src/balancing/locality/by-locality.js';
import { byMetadata } from '../../../src/balancing/metadata/by-metadata.js';
import { p2c } from '../../../src/balancing/p2c.js';
import { random } from '../../../src/balancing/random.js';
import { roundRobin } from '../../../src/balancing/round-robin.js';
import { type StickyOptions, sticky } from '../../../src/balancing/sessions/sticky.js';
import { slowStart } from '../../../src/balancing/slow-start/slow-start.js';
import { subset } from '../../../src/balancing/subsetting/subset.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Balancer, Picker } from '../../../src/core/picker.js';
import type { Random } from '../../../src/core/random.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, endpointOf, isShare, pickerFor, settled, viewOf, weightedView } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';

interface Sessions {
  readonly view: EndpointView;
  readonly endpoints: Endpoint[];
  readonly picker: Picker;
  /** The endpoint for a request of a session. */
  of(session: string | undefined, nowMs?: number): Endpoint | undefined;
}

function sessions(
  inner: Balancer,
  weights: readonly number[],
  options: Partial<StickyOptions> = {},
  chance: Random = seededRandom(1),
): Sessions {
  const { view, endpoints } = weightedView(weights);
  let present: string | undefined;
  const picker = pickerFor(sticky(inner, { by: () => present, ...options }), view, chance);
  return {
    view,
    endpoints,
    picker,
    of(session, nowMs = 0) {
      present = session;
      return picker.pick(view, aCall, nowMs);
    },
  };
}

function ones(count: number): number[] {
  return Array.from({ length: count }, () => 1);
}

function named(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `session ${index}`);
}

describe('a session', () => {
  test('stays with the endpoint of its first request, while sessions are spread as the balancer within spreads requests', () => {
    for (const inner of [random(), roundRobin(), p2c(), leastRequest()]) {
      const { of } = sessions(inner, ones(5));
      const homes = named(5_000).map((session) => of(session)?.id);
      assert.deepEqual(
        named(5_000).map((session) => of(session)?.id),
        homes,
      );
      for (let index = 0; index < 5; index++)
        assert.ok(isShare(homes.filter((id) => id === `e${index}`).length, 5_000, 1 / 5), `${inner.name}: e${index}`);
    }
  });

  test('is not moved by endpoints that join, and those get new sessions', () => {
    const { of, view } = sessions(random(), ones(5));
    const homes = named(1_000).map((session) => of(session));
    for (let index = 5; index < 10; index++) view.add(endpointOf(index));
    assert.deepEqual(
      named(1_000).map((session) => of(session)),
      homes,
    );
    const fresh = new Set(Array.from({ length: 200 }, (_, index) => of(`new ${index}`)?.id));
    assert.equal(fresh.size, 10);
  });

  test('moves on when its endpoint leaves the list, alone, and stays there although another takes the place in the view', () => {
    const { of, view, endpoints } = sessions(random(), ones(4));
    const homes = named(400).map((session) => of(session));
    const [gone] = endpoints;
    assert.ok(gone);
    view.remove(gone);
    const after = named(400).map((session) => of(session));
    view.add(endpointOf(9));
    for (const [index, home] of homes.entries()) {
      if (home === gone) assert.ok(after[index] !== gone && after[index] !== undefined);
      else assert.equal(after[index], home);
      assert.equal(of(`session ${index}`), after[index]);
    }
  });

  test('does not take the endpoint for its own that joined in the place of the one that it lost', () => {
    const { of, view, endpoints } = sessions(random(), ones(2));
    const [first] = endpoints;
    assert.ok(first);
    const bereft = named(100).filter((session) => of(session) === first);
    const { slot } = first;
    view.remove(first);
    const newcomer = endpointOf(7);
    view.add(newcomer);
    assert.equal(newcomer.slot, slot);
    const taken = bereft.filter((session) => of(session) === newcomer).length;
    assert.ok(bereft.length > 20 && isShare(taken, bereft.length, 1 / 2), `${taken} of ${bereft.length}`);
  });

  for (const returns of [false, true]) {
    test(`whose endpoint breaks ${returns ? 'comes back to it' : 'stays where it went'}, and is in one place all the while`, () => {
      const { of, view } = sessions(random(), ones(6), { returns });
      const home = of('mine');
      assert.ok(home);
      const shutter = view.shutterFor(home);
      shutter.shut('broken');
      const away = of('mine');
      assert.ok(away !== undefined && away !== home);
      for (let i = 0; i < 20; i++) assert.equal(of('mine'), away);
      shutter.open();
      assert.equal(of('mine'), returns ? home : away);
      shutter.shut('broken');
      assert.equal(of('mine'), away, 'the one that stood in does so again');
    });
  }

  test('whose endpoint is merely busy is away for that long, in one place', () => {
    const { of, view } = sessions(random(), ones(6));
    const home = of('mine');
    assert.ok(home);
    const shutter = view.shutterFor(home);
    shutter.shut('busy');
    const away = of('mine');
    assert.notEqual(away, home);
    for (let i = 0; i < 20; i++) assert.equal(of('mine'), away);
    shutter.open();
    assert.equal(of('mine'), home);
  });

  test('leaves an endpoint of a lower priority when one of the first can be picked again', () => {
    const { of, view, endpoints } = sessions(random(), ones(2));
    const [first, second] = endpoints;
    assert.ok(first && second);
    view.change(second, { ...second.instance, priority: 1 });
    const shutter = view.shutterFor(first);
    shutter.shut('broken');
    assert.equal(of('mine'), second);
    shutter.open();
    assert.equal(of('mine'), first);
  });

  test('finds nobody when there is nobody, and its endpoint again when there is', () => {
    const { of, view, endpoints } = sessions(random(), ones(3), { returns: true });
    const home = of('mine');
    const shutters = endpoints.map((endpoint) => view.shutterFor(endpoint));
    for (const shutter of shutters) shutter.shut('broken');
    assert.equal(of('mine'), undefined);
    assert.equal(of('another'), undefined);
    for (const shutter of shutters) shutter.open();
    assert.equal(of('mine'), home);
  });

  test('is over after it was idle, and its requests before that keep it', () => {
    const { of } = sessions(roundRobin(), ones(10), { idleMs: 100 });
    const home = of('mine', 0);
    for (let nowMs = 99; nowMs < 1_000; nowMs += 99) assert.equal(of('mine', nowMs), home);
    const lastMs = 990;
    const next = of('mine', lastMs + 100);
    assert.notEqual(next, home);
    assert.equal(of('mine', lastMs + 101), next);
  });

  test('used longest ago is forgotten when there are too many', () => {
    const { of } = sessions(roundRobin(), ones(1_000), { maxSessions: 3 });
    const [a, b, c] = ['a', 'b', 'c'].map((session) => of(session));
    assert.equal(of('a'), a);
    of('d');
    assert.deepEqual([of('a'), of('c')], [a, c]);
    assert.notEqual(of('b'), b);
  });

  test('is a matter of its key: requests without one go where the balancer within says', () => {
    const { of } = sessions(roundRobin(), ones(10));
    const ids = Array.from({ length: 10 }, () => of(undefined)?.id);
    assert.equal(new Set(ids).size, 10);
    assert.equal(new Set(Array.from({ length: 10 }, () => of('')?.id)).size, 10);
  });
});

describe('the balancer within', () => {
  test('has its rules kept: an environment, a subset, a version are not left for the sake of a session', () => {
    const metadata = (environment: string) => ({ metadata: { environment } });
    const endpoints = [endpointOf(0, metadata('production')), endpointOf(1, metadata('production'))];
    const view = viewOf(...endpoints);
    for (const inner of [
      byLocality(p2c(), { environment: 'production' }),
      byMetadata(p2c(), { by: { environment: 'production' } }),
      subset(byLocality(p2c(), { environment: 'production' }), { name: 'a' }),
    ]) {
      for (const endpoint of endpoints) view.change(endpoint, { ...endpoint.instance, ...metadata('production') });
      const picker = pickerFor(sticky(inner, { by: () => 'mine' }), view);
      const home = picker.pick(view, aCall, 0);
      assert.ok(home);
      assert.equal(picker.pick(view, aCall, 0), home);
      view.change(home, { ...home.instance, ...metadata('staging') });
      const next = picker.pick(view, aCall, 0);
      assert.ok(next !== undefined && next !== home, inner.name);
      assert.equal(picker.allows?.(home, aCall), false);
    }
  });

  test('ramps new sessions on a new endpoint, where it is a slow start', () => {
    const { of, view } = sessions(slowStart(p2c(), { windowMs: 1_000 }), ones(9));
    of('first');
    const cold = endpointOf(99);
    view.add(cold);
    const got = named(9_000).filter((session) => of(session) === cold).length;
    assert.ok(Math.abs(got / 9_000 - 0.1 / 9.1) < 0.002, String(got));
  });

  test('learns of every attempt, and is closed', () => {
    const log: string[] = [];
    const inner: Balancer = {
      name: 'noting',
      build: () => ({
        pick: (view) => view.bySlot[view.slots[0] as number],
        settle: (_endpoint, verdict) => log.push(verdict),
        close: () => log.push('closed'),
      }),
    };
    const { of, picker } = sessions(inner, ones(2));
    const home = of('mine');
    assert.ok(home);
    settled(picker, home, 'failure', 5, 0);
    picker.close?.();
    assert.deepEqual(log, ['failure', 'closed']);
  });
});

const change = fc.record({
  kind: fc.constantFrom('add', 'add', 'remove', 'break', 'fill', 'open', 'move', 'pick', 'pick', 'pick', 'pick', 'pick'),
  index: fc.nat(30),
  session: fc.nat(6),
  priority: fc.nat(1),
});

test('never picks an endpoint that is shut, removed or of a lower priority, always picks one if there is one, and keeps every session that it can', () => {
  const inners = [() => p2c(), () => random(), () => roundRobin(), () => subset(p2c(), { size: 2 })];
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 150 }),
      fc.nat(),
      fc.constantFrom(...inners),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(1, 3, 10),
      (changes, seed, inner, returns, withBusy, maxSessions) => {
        const { of, view, picker } = sessions(inner(), [], { returns, maxSessions }, seededRandom(seed));
        const present: { endpoint: Endpoint; shutter: Shutter; open: boolean }[] = [];
        const last = new Map<number, Endpoint>();
        changes.forEach(({ kind, index, session, priority }, nowMs) => {
          const at = index % Math.max(1, present.length);
          const target = present[at];
          if (kind === 'add') {
            const endpoint = endpointOf(0, { id: `users-${nowMs}`, priority });
            view.add(endpoint);
            present.push({ endpoint, shutter: view.shutterFor(endpoint), open: true });
          } else if (kind === 'pick') {
            const open = present.filter((each) => each.open).map(({ endpoint }) => endpoint);
            const first = Math.min(...open.map(({ instance }) => instance.priority));
            const picked = of(`session ${session}`, nowMs);
            if (picked === undefined) {
              assert.equal(open.length, 0);
              return;
            }
            assert.ok(open.includes(picked) && picked.instance.priority === first, picked.id);
            const before = last.get(session);
            const mayStay = before !== undefined && view.offers(before) && picker.allows?.(before, aCall) !== false;
            if (mayStay && !returns && !withBusy && maxSessions > 6 && picker.allows === undefined) assert.equal(picked, before);
            last.set(session, picked);
          } else if (target === undefined) {
            return;
          } else if (kind === 'remove') {
            view.remove(target.endpoint);
            present.splice(at, 1);
          } else if (kind === 'move') {
            view.change(target.endpoint, { ...target.endpoint.instance, priority });
          } else {
            target.open = kind === 'open';
            if (target.open) target.shutter.open();
            else target.shutter.shut(kind === 'fill' && withBusy ? 'busy' : 'broken');
          }
        });
      },
    ),
    { numRuns: 400 },
  );
});

test('a pick allocates nothing, of sessions that are known and of new ones in the place of old ones', () => {
  const names = named(4_096);
  let turn = 0;
  const { view } = weightedView(ones(20));
  for (const maxSessions of [10_000, 1_000]) {
    const by = () => names[turn++ & 4_095];
    const picker = pickerFor(sticky(p2c(), { by, maxSessions }), view, { next: () => 0.37 });
    const bytes = bytesLeftBy(() => picker.pick(view, aCall, 100));
    assert.ok(bytes < 2, `${bytes} bytes a pick with ${maxSessions} sessions`);
  }
});

test('bad options are named', () => {
  const fails = (options: object, message: RegExp) => assert.throws(() => Reflect.apply(sticky, undefined, [p2c(), options]), message);
  const by = { cookie: 'session' };
  fails({}, /sticky\.by must be \{ header: 'name' \}/);
  fails({ by, maxSessions: 0 }, /sticky\.maxSessions must be a whole number from 1 to 10000000, got 0/);
  fails({ by, idleMs: 0 }, /sticky\.idleMs must be a number of milliseconds above 0/);
  fails({ by, returns: 1 }, /sticky\.returns must be true or false, got 1/);
  fails({ by, sessions: 1 }, /sticky\.sessions/);
  assert.throws(() => Reflect.apply(sticky, undefined, [{}, { by }]), /sticky must be around a balancer, such as p2c\(\)/);
});
