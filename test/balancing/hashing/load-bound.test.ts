import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AffinityKey } from '../../../src/balancing/hashing/affinity-key.js';
import { maglev } from '../../../src/balancing/hashing/maglev.js';
import { ringHash } from '../../../src/balancing/hashing/ring-hash.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { weightedView } from '../endpoints.js';
import { keyed, zipfKeys } from './keyed.js';

/** What `loadBound` promises: no endpoint is sent more than so many times its share of what is in flight. */

const balancers = {
  maglev: (by: AffinityKey, loadBound: number) => maglev({ by, loadBound }),
  ringHash: (by: AffinityKey, loadBound: number) => ringHash({ by, loadBound }),
};

for (const [name, make] of Object.entries(balancers)) {
  describe(name, () => {
    /** 10,000 requests at once to 100 endpoints, for 2,000 keys of uneven popularity. */
    function skewed(loadBound: number): { max: number; atHome: number } {
      const { view, endpoints } = weightedView(Array.from({ length: 100 }, () => 1));
      const pick = keyed(view, (by) => make(by, loadBound));
      const home = keyed(view, (by) => make(by, Number.POSITIVE_INFINITY));
      const next = zipfKeys(2_000, 1.1, seededRandom(7));
      let atHome = 0;
      for (let request = 0; request < 10_000; request++) {
        const key = next();
        const endpoint = pick(key);
        assert.ok(endpoint);
        if (endpoint === home(key)) atHome++;
        view.track(endpoint, 1);
      }
      return { max: Math.max(...endpoints.map(({ inFlight }) => inFlight)) / 100, atHome: atHome / 10_000 };
    }

    test('lets no endpoint have more than 1.25 times its share, however popular a key is', () => {
      const { max, atHome } = skewed(1.25);
      assert.equal(max, 1.25);
      assert.ok(atHome > 0.4 && atHome < 0.6, `${atHome} stayed where they belong`);
    });

    test('keeps more keys where they belong the looser the bound is, and all without one', () => {
      const twice = skewed(2);
      assert.equal(twice.max, 2);
      assert.ok(twice.atHome > 0.55 && twice.atHome < 0.75, `${twice.atHome}`);
      const unbounded = skewed(Number.POSITIVE_INFINITY);
      assert.equal(unbounded.atHome, 1);
      assert.ok(unbounded.max > 15, `${unbounded.max}`);
    });

    test('fills all endpoints evenly with requests of one key at a bound of 1, to the last place', () => {
      const { view, endpoints } = weightedView(Array.from({ length: 300 }, () => 0.1));
      const pick = keyed(view, (by) => make(by, 1));
      for (let request = 0; request < 900; request++) {
        const endpoint = pick('one');
        assert.ok(endpoint);
        view.track(endpoint, 1);
      }
      assert.deepEqual(
        endpoints.map(({ inFlight }) => inFlight),
        Array.from({ length: 300 }, () => 3),
      );
    });

    test('looks at few endpoints even where half of a thousand have no room', () => {
      const { view, endpoints } = weightedView(Array.from({ length: 1_000 }, () => 1));
      for (const [index, endpoint] of endpoints.entries()) {
        for (let request = 0; request < 10 * (index % 2); request++) view.track(endpoint, 1);
      }
      const pick = keyed(view, (by) => make(by, 1.25));
      pick('first');
      let looks = 0;
      view.cells = new Proxy(view.cells, {
        get: (target, key) => {
          looks++;
          return Reflect.get(target, key, target);
        },
      });
      for (let index = 0; index < 1_000; index++) assert.equal(pick(`key-${index}`)?.inFlight, 0);
      // Two on average, and two numbers of each.
      assert.ok(looks < 6_000, `${looks} looks for 1000 picks`);
    });

    test('bounds what an endpoint is sent by its weight among those that can be picked, while requests come and go', () => {
      const weights = fc.array(fc.constantFrom(0.1, 1, 2, 3, 10), { minLength: 1, maxLength: 12, size: 'max' });
      fc.assert(
        fc.property(weights, fc.constantFrom(1, 1.1, 1.25, 2), fc.nat(), (each, loadBound, seed) => {
          const { view, endpoints } = weightedView(each);
          const random = seededRandom(seed);
          const pick = keyed(view, (by) => make(by, loadBound));
          const unbounded = keyed(view, (by) => make(by, Number.POSITIVE_INFINITY));
          const shutters = endpoints.map((endpoint) => view.shutterFor(endpoint));
          for (let step = 0; step < 300; step++) {
            const some = Math.floor(random.next() * endpoints.length);
            const chance = random.next();
            if (chance < 0.05) shutters[some]?.shut('broken');
            else if (chance < 0.1) shutters[some]?.open();
            else if (chance < 0.3 && (endpoints[some]?.inFlight ?? 0) > 0 && endpoints[some]) view.track(endpoints[some], -1);
            else {
              const key = `key-${Math.floor(random.next() * 5)}`;
              const home = unbounded(key);
              const endpoint = pick(key);
              if (endpoint === undefined) {
                assert.equal(view.count, 0);
                continue;
              }
              const open = endpoints.filter(({ position }) => position >= 0);
              const sum = open.reduce((total, { instance }) => total + instance.weight, 0);
              const boundOf = ({ instance }: Endpoint) => Math.ceil((loadBound * (view.inFlight + 1) * instance.weight) / sum - 1e-6);
              assert.ok(endpoint.inFlight + 1 <= boundOf(endpoint), `${endpoint.inFlight + 1} of at most ${boundOf(endpoint)}`);
              assert.ok(home && (endpoint === home || home.inFlight + 1 > boundOf(home)), 'not at home, where there is room');
              view.track(endpoint, 1);
            }
          }
        }),
        { numRuns: 40 },
      );
    });

    test('sends a key home again as soon as there is room', () => {
      const { view } = weightedView([1, 1, 1, 1]);
      const pick = keyed(view, (by) => make(by, 1.25));
      const home = pick('one');
      assert.ok(home);
      view.track(home, 1);
      const second = pick('one');
      assert.ok(second && second !== home, 'one of four has no room for the second of two');
      view.track(second, 1);
      view.track(home, -1);
      assert.equal(pick('one'), home);
    });

    test('recovers from a sum of weights that rounding has made wrong', () => {
      const { view, endpoints } = weightedView([1e6, 1e-12, 1e-12]);
      const [heavy] = endpoints;
      assert.ok(heavy);
      const pick = keyed(view, (by) => make(by, 1.25));
      pick('one');
      const shutter = view.shutterFor(heavy);
      for (let round = 0; round < 100; round++) {
        shutter.shut('broken');
        const endpoint = pick(`key-${round}`);
        assert.ok(endpoint && endpoint !== heavy);
        shutter.open();
      }
    });
  });
}
