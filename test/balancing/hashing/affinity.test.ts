import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AffinityKey } from '../../../src/balancing/hashing/affinity-key.js';
import { maglev } from '../../../src/balancing/hashing/maglev.js';
import { ringHash } from '../../../src/balancing/hashing/ring-hash.js';
import { Call } from '../../../src/core/call.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Balancer } from '../../../src/core/picker.js';
import { aCall, endpointOf, isShare, pickerFor, viewOf, weightedView } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';
import { countsOf, homesOf, keyed, keysOf } from './keyed.js';

/** What holds for both balancers that go by a key. */

interface Affinity {
  make(by: AffinityKey, more?: { readonly loadBound?: number; readonly fallback?: Balancer }): Balancer;
  /**
   * The share of 400 keys that may move though their endpoint stays: 0.3 % of the places change hands as a rule with
   * up to thirty endpoints, and of two or three up to a tenth if their permutations are much alike.
   */
  readonly needless: number;
  /** Which of ten endpoints has each of the keys key-0 to key-9: by the documented steps, also in another language. */
  readonly golden: readonly string[];
}

const balancers: Record<string, Affinity> = {
  maglev: {
    make: (by, more) => maglev({ by, ...more }),
    needless: 0.15,
    golden: ['0', '0', '9', '8', '0', '1', '8', '5', '5', '5'],
  },
  ringHash: {
    make: (by, more) => ringHash({ by, ...more }),
    needless: 0,
    golden: ['1', '0', '5', '1', '5', '9', '3', '4', '5', '8'],
  },
};

const keys = keysOf(400);
const free = { loadBound: Number.POSITIVE_INFINITY };

function equalView(count: number) {
  return weightedView(Array.from({ length: count }, () => 1));
}

for (const [name, { make, needless, golden }] of Object.entries(balancers)) {
  describe(name, () => {
    test('sends a key to the same endpoint each time, and many keys to all endpoints', () => {
      const { view } = equalView(30);
      const pick = keyed(view, make);
      const homes = homesOf(pick, keys);
      assert.deepEqual(homesOf(pick, keys), homes);
      assert.equal(countsOf(homesOf(pick, keysOf(3_000))).size, 30);
    });

    test('sends a key to the same endpoint in every process, whatever the order of the list', () => {
      const ids = Array.from({ length: 10 }, (_, index) => `http://10.0.0.${index}:80`);
      const homesFor = (order: readonly string[]) =>
        homesOf(keyed(viewOf(...order.map((id, index) => endpointOf(index, { id }))), make), keysOf(10));
      const homes = homesFor(ids).map((id) => id.slice(14, 15));
      assert.deepEqual(homes, golden);
      assert.deepEqual(homesFor(ids.toReversed()), homesFor(ids));
      assert.deepEqual(homesFor([...ids.slice(3), ...ids.slice(0, 3)]), homesFor(ids));
    });

    test('gives each endpoint as many keys as its weight says', () => {
      const weights = [1, 2, 3, 4];
      const { view } = weightedView(weights);
      const { make: fine } = { make: (by: AffinityKey) => (name === 'maglev' ? maglev({ by }) : ringHash({ by, virtualNodes: 5_000 })) };
      const counts = countsOf(homesOf(keyed(view, fine), keysOf(20_000)));
      // The shares of a ring are themselves drawn by chance: with 5,000 points of the lightest, to within 1.4 %.
      weights.forEach((weight, index) => {
        const hits = counts.get(`e${index}`) ?? 0;
        const within = isShare(hits, 20_000, weight / 10) || (name === 'ringHash' && Math.abs(hits / (2_000 * weight) - 1) < 0.06);
        assert.ok(within, `weight ${weight}: ${hits}`);
      });
    });

    test('moves the keys of a shut endpoint alone, spreads them over others, and brings them back', () => {
      const count = fc.integer({ min: 2, max: 30 });
      fc.assert(
        fc.property(count, fc.array(fc.nat(100), { maxLength: 20, size: 'max' }), fc.nat(100), (size, shutBefore, shutNow) => {
          const { view, endpoints } = equalView(size);
          const pick = keyed(view, (by) => make(by, free));
          const shutters = endpoints.map((endpoint) => view.shutterFor(endpoint));
          for (const index of shutBefore) shutters[index % size]?.shut('broken');
          const before = homesOf(pick, keys);
          const gone = shutNow % size;
          const wasOpen = (endpoints[gone]?.position ?? -1) >= 0;
          shutters[gone]?.shut('busy');
          if (view.count === 0) return assert.equal(pick('key-1'), undefined);
          const during = homesOf(pick, keys);
          keys.forEach((key, index) => {
            if (before[index] !== `e${gone}`) assert.equal(during[index], before[index], key);
            else assert.notEqual(during[index], `e${gone}`, key);
          });
          if (wasOpen) shutters[gone]?.open();
          assert.deepEqual(homesOf(pick, keys), before);
        }),
        { numRuns: 100 },
      );
    });

    test('spreads the keys of a shut endpoint over all others', () => {
      const { view, endpoints } = equalView(10);
      const pick = keyed(view, (by) => make(by, free));
      const many = keysOf(20_000);
      const orphans = many.filter((key) => pick(key) === endpoints[0]);
      assert.ok(endpoints[0]);
      view.shutterFor(endpoints[0]).shut('broken');
      const counts = countsOf(homesOf(pick, orphans));
      assert.equal(counts.size, 9);
      for (const [id, hits] of counts) assert.ok(hits > orphans.length / 9 / 2 && hits < (orphans.length / 9) * 2, `${id}: ${hits}`);
    });

    test('moves few keys, or none, between the others when an endpoint leaves or joins', () => {
      fc.assert(
        fc.property(fc.uniqueArray(fc.nat(10_000), { minLength: 2, maxLength: 30, size: 'max' }), fc.nat(29), (numbers, chosen) => {
          const endpoints = numbers.map((number) => endpointOf(number));
          const view = viewOf(...endpoints);
          const pick = keyed(view, (by) => make(by, free));
          const before = homesOf(pick, keys);
          const gone = endpoints[chosen % endpoints.length];
          assert.ok(gone);
          view.remove(gone);
          const after = homesOf(pick, keys);
          const moved = keys.filter((_, index) => before[index] !== gone.id && before[index] !== after[index]).length;
          assert.ok(moved <= needless * keys.length, `${moved} of ${keys.length}`);
          assert.ok(!after.includes(gone.id));
          view.add(gone);
          assert.deepEqual(homesOf(pick, keys), before);
        }),
        { numRuns: 100 },
      );
    });

    test('follows a change of weight', () => {
      const { view, endpoints } = equalView(4);
      const [first] = endpoints;
      assert.ok(first);
      const pick = keyed(view, (by) => make(by, free));
      const before = countsOf(homesOf(pick, keys)).get('e0') ?? 0;
      view.change(first, { ...first.instance, weight: 9 });
      const after = countsOf(homesOf(pick, keys)).get('e0') ?? 0;
      assert.ok(before < 140 && after > 250, `${before}, then ${after}`);
    });

    test('never picks an endpoint that is shut, removed or of a lower priority, and always picks one if there is one', () => {
      const change = fc.record({
        kind: fc.constantFrom(
          'add',
          'add',
          'remove',
          'shut',
          'shut',
          'open',
          'weight',
          'priority',
          'begin',
          'end',
          'pick',
          'pick',
          'pick',
          'pick',
        ),
        index: fc.nat(50),
        weight: fc.constantFrom(0.001, 1, 2, 500),
        priority: fc.integer({ min: 0, max: 2 }),
      });
      fc.assert(
        fc.property(
          fc.array(change, { maxLength: 150, size: 'max' }),
          fc.constantFrom(1, 1.25, Number.POSITIVE_INFINITY),
          (changes, loadBound) => {
            const view = viewOf();
            const small = (by: AffinityKey) =>
              name === 'maglev' ? maglev({ by, tableSize: 31, loadBound }) : ringHash({ by, virtualNodes: 3, loadBound });
            const pick = keyed(view, small);
            const present: { endpoint: Endpoint; shutter: Shutter }[] = [];
            let added = 0;
            for (const { kind, index, weight, priority } of changes) {
              const target = present[index % present.length];
              if (kind === 'add') {
                const endpoint = endpointOf(added++, { weight, priority });
                view.add(endpoint);
                present.push({ endpoint, shutter: view.shutterFor(endpoint) });
              } else if (kind === 'pick') {
                const open = present.map(({ endpoint }) => endpoint).filter((endpoint) => endpoint.shutGates === 0);
                const best = Math.min(...open.map((endpoint) => endpoint.instance.priority));
                const allowed = open.filter((endpoint) => endpoint.instance.priority === best);
                const picked = pick(`key-${index}`);
                if (allowed.length === 0) assert.equal(picked, undefined);
                else assert.ok(picked !== undefined && allowed.includes(picked), picked?.id);
              } else if (target !== undefined) {
                const { endpoint, shutter } = target;
                if (kind === 'shut') shutter.shut('broken');
                else if (kind === 'open') shutter.open();
                else if (kind === 'weight') view.change(endpoint, { ...endpoint.instance, weight });
                else if (kind === 'priority') view.change(endpoint, { ...endpoint.instance, priority });
                else if (kind === 'begin') view.track(endpoint, 1);
                else if (kind === 'end' && endpoint.inFlight > 0) view.track(endpoint, -1);
                else if (kind === 'remove') {
                  view.remove(endpoint);
                  present.splice(present.indexOf(target), 1);
                }
              }
            }
          },
        ),
        { numRuns: 150 },
      );
    });

    test('finds the few that can be picked among many that cannot, and moves no key of one when another goes', () => {
      const { view, endpoints } = equalView(500);
      const pick = keyed(view, (by) => make(by, free));
      pick('key-0');
      const shutters = endpoints.map((endpoint) => view.shutterFor(endpoint));
      for (const [index, shutter] of shutters.entries()) if (index >= 3) shutter.shut('broken');
      const before = homesOf(pick, keys);
      assert.deepEqual([...countsOf(before).keys()].sort(), ['e0', 'e1', 'e2']);
      assert.ok(Math.max(...countsOf(before).values()) < 200, JSON.stringify([...countsOf(before)]));
      shutters[1]?.shut('broken');
      const after = homesOf(pick, keys);
      keys.forEach((key, index) => {
        if (before[index] !== 'e1') assert.equal(after[index], before[index], key);
      });
    });

    test('goes over to the next priority and back without moving a key, and without a new table', () => {
      const main = Array.from({ length: 5 }, (_, index) => endpointOf(index));
      const spare = Array.from({ length: 5 }, (_, index) => endpointOf(5 + index, { priority: 1 }));
      const view = viewOf(...main, ...spare);
      const tables = countTables(view);
      const pick = keyed(view, (by) => make(by, free));
      const before = homesOf(pick, keys);
      assert.equal(countsOf(before).size, 5);
      const shutters = main.map((endpoint) => view.shutterFor(endpoint));
      for (let round = 0; round < 3; round++) {
        for (const shutter of shutters) shutter.shut('broken');
        const during = countsOf(homesOf(pick, keys));
        assert.deepEqual([...during.keys()].sort(), ['e5', 'e6', 'e7', 'e8', 'e9']);
        for (const shutter of shutters) shutter.open();
        assert.deepEqual(homesOf(pick, keys), before);
      }
      assert.equal(tables.made, 2);
    });

    test('makes a new table at the first pick after the list has changed, however often, and not when endpoints open and shut', () => {
      const { view, endpoints } = equalView(5);
      const tables = countTables(view);
      const pick = keyed(view, make);
      assert.equal(tables.made, 0);
      homesOf(pick, keys);
      assert.equal(tables.made, 1);
      for (let index = 5; index < 100; index++) view.add(endpointOf(index));
      assert.equal(tables.made, 1);
      homesOf(pick, keys);
      assert.equal(tables.made, 2);
      for (const endpoint of endpoints) {
        const shutter = view.shutterFor(endpoint);
        shutter.shut('broken');
        pick('key-1');
        shutter.open();
        view.change(endpoint, { ...endpoint.instance, metadata: { version: '2' } });
        pick('key-1');
      }
      assert.equal(tables.made, 2);
    });

    test('leaves calls without a key to the fallback, which learns from all attempts and is closed with it', () => {
      const { view, endpoints } = equalView(3);
      const settled: string[] = [];
      let closed = 0;
      const fallback: Balancer = {
        name: 'last',
        build: () => ({
          pick: () => endpoints[2],
          settle: (endpoint) => settled.push(endpoint.id),
          close: () => closed++,
        }),
      };
      const picker = pickerFor(make({ header: 'x-user' }, { fallback }), view);
      const call = new Call({ service: 'users', method: 'GET', path: '/', headers: ['x-user', 'Ada'], idempotent: true });
      for (let i = 0; i < 5; i++) assert.equal(picker.pick(view, aCall, 0), endpoints[2]);
      const home = picker.pick(view, call, 0);
      assert.ok(home);
      assert.equal(picker.pick(view, call, 0), home);
      picker.settle?.(home, 'success', 1, call, 0, undefined);
      assert.deepEqual(settled, [home.id]);
      picker.close?.();
      assert.equal(closed, 1);
    });

    test('spreads calls without a key at random unless told otherwise, and listens to nothing after its end', () => {
      const { view } = equalView(3);
      const listeners = new Set<unknown>();
      const listen = view.listen.bind(view);
      view.listen = (listener) => {
        listeners.add(listener);
        const stop = listen(listener);
        return () => {
          listeners.delete(listener);
          stop();
        };
      };
      const picker = pickerFor(
        make(() => undefined),
        view,
      );
      const counts = countsOf(Array.from({ length: 3_000 }, () => picker.pick(view, aCall, 0)?.id ?? 'none'));
      for (const id of ['e0', 'e1', 'e2']) assert.ok(isShare(counts.get(id) ?? 0, 3_000, 1 / 3), `${[...counts]}`);
      assert.equal(listeners.size, 1);
      picker.close?.();
      assert.equal(listeners.size, 0);
    });

    test('allocates nothing on a pick, wherever the key stands', () => {
      const headers = ['Accept', '*/*', 'X-User', 'ada-lovelace', 'Cookie', 'theme=dark; session=0123456789abcdef'];
      const call = new Call({ service: 'users', method: 'GET', path: '/users/42/orders', headers, idempotent: true });
      for (const by of [{ header: 'x-user' }, { cookie: 'session' }, { pathPart: 2 }, (each: Call) => each.path]) {
        const { view, endpoints } = equalView(200);
        const picker = pickerFor(make(by), view);
        const home = picker.pick(view, call, 0);
        assert.ok(home);
        const shutter = view.shutterFor(home);
        const assertNoGarbage = (state: string) => {
          const bytes = bytesLeftBy(() => picker.pick(view, call, 100));
          assert.ok(bytes < 2, `${bytes} bytes a pick, ${state}, by ${JSON.stringify(by) ?? 'a function'}`);
        };
        shutter.shut('broken');
        assertNoGarbage('while home is shut');
        shutter.open();
        assertNoGarbage('at home');
        for (const endpoint of endpoints.slice(2)) view.shutterFor(endpoint).shut('broken');
        assertNoGarbage('among few');
      }
    });
  });
}

/** A table is made of all endpoints, so going through them is what making one shows by. */
function countTables(view: ReturnType<typeof viewOf>): { made: number } {
  const tables = { made: 0 };
  const all = view[Symbol.iterator].bind(view);
  view[Symbol.iterator] = () => {
    tables.made++;
    return all();
  };
  return tables;
}
