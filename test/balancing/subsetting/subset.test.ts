import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byLocality } from '../../../src/balancing/locality/by-locality.js';
import { p2c } from '../../../src/balancing/p2c.js';
import { random } from '../../../src/balancing/random.js';
import { type SubsetOptions, subset } from '../../../src/balancing/subsetting/subset.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Picker } from '../../../src/core/picker.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, endpointOf, pickerFor, settled, sharesOf, viewOf } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';

function viewOfMany(count: number): { view: EndpointView; endpoints: Endpoint[] } {
  const endpoints = Array.from({ length: count }, (_, index) => endpointOf(index, { id: `users-${index}` }));
  return { view: viewOf(...endpoints), endpoints };
}

/** The endpoints that are used at all. */
function used(picker: Picker, view: EndpointView, size: number): Set<string> {
  return new Set(sharesOf(picker, view, size * 30).keys());
}

const numberOf: SubsetOptions['numberOf'] = ({ id }) => Number(/\d+$/.exec(id)?.[0] ?? Number.NaN);

for (const [way, options] of Object.entries({
  'by hash': { name: 'client-7' },
  'by lots, with numbers': { client: 7, numberOf },
  'by lots, without numbers': { client: 7, numberOf: () => undefined },
}) as [string, SubsetOptions][]) {
  test(`${way}: as many endpoints are used as were asked for, all of them, and the same ones by the same client`, () => {
    const { view, endpoints } = viewOfMany(100);
    const first = used(pickerFor(subset(random(), { ...options, size: 10 }), view), view, 10);
    assert.equal(first.size, 10);
    const again = viewOf(...endpoints.toReversed().map(({ instance }) => endpointOf(0, instance)));
    assert.deepEqual(used(pickerFor(subset(random(), { ...options, size: 10 }), again, seededRandom(9)), again, 10), first);
    assert.equal(used(pickerFor(subset(random(), { ...options, size: 200 }), view), view, 200).size, 100);
  });

  test(`${way}: an endpoint that is shut is replaced by one, and used again once it opens`, () => {
    const { view, endpoints } = viewOfMany(100);
    const picker = pickerFor(subset(random(), { ...options, size: 10 }), view);
    const first = used(picker, view, 10);
    const one = endpoints.find(({ id }) => first.has(id));
    assert.ok(one);
    const shutter = view.shutterFor(one);
    shutter.shut('broken');
    const without = used(picker, view, 10);
    assert.equal(without.size, 10);
    assert.deepEqual(new Set([...first].filter((id) => !without.has(id))), new Set([one.id]));
    shutter.open();
    assert.deepEqual(used(picker, view, 10), first);
  });

  test(`${way}: the lowest priority number that has an endpoint to offer is used alone`, () => {
    const { view, endpoints } = viewOfMany(3);
    for (let index = 3; index < 20; index++) view.add(endpointOf(index, { id: `users-${index}`, priority: 1 }));
    const picker = pickerFor(subset(random(), { ...options, size: 10 }), view);
    assert.deepEqual(used(picker, view, 10), new Set(['users-0', 'users-1', 'users-2']));
    for (const endpoint of endpoints) view.remove(endpoint);
    const others = used(picker, view, 10);
    assert.equal(others.size, 10);
    assert.ok(!others.has('users-0'));
  });

  const change = fc.record({
    kind: fc.constantFrom('add', 'add', 'remove', 'shut', 'open', 'move', 'pick', 'pick', 'pick'),
    index: fc.nat(30),
    weight: fc.integer({ min: 1, max: 3 }),
    priority: fc.nat(2),
  });

  test(`${way}: never picks an endpoint that is shut, removed or of a lower priority, and always picks one if there is one`, () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), fc.nat(), fc.integer({ min: 1, max: 4 }), (changes, seed, size) => {
        const view = viewOf();
        const picker = pickerFor(subset(p2c(), { ...options, size }), view, seededRandom(seed));
        const present: { endpoint: Endpoint; shutter: Shutter; open: boolean }[] = [];
        changes.forEach(({ kind, index, weight, priority }, nowMs) => {
          const at = index % Math.max(1, present.length);
          const target = present[at];
          if (kind === 'add') {
            const endpoint = endpointOf(0, { id: `users-${index}`, weight, priority });
            view.add(endpoint);
            present.push({ endpoint, shutter: view.shutterFor(endpoint), open: true });
          } else if (kind === 'pick') {
            const open = present.filter((each) => each.open).map(({ endpoint }) => endpoint);
            const first = Math.min(...open.map(({ instance }) => instance.priority));
            const picked = picker.pick(view, aCall, nowMs);
            if (picked === undefined) assert.equal(open.length, 0);
            else {
              assert.ok(open.includes(picked) && picked.instance.priority === first, picked.id);
              settled(picker, picked, 'success', 5, nowMs);
            }
          } else if (target === undefined) {
            return;
          } else if (kind === 'remove') {
            view.remove(target.endpoint);
            present.splice(at, 1);
          } else if (kind === 'move') {
            view.change(target.endpoint, { ...target.endpoint.instance, weight, priority });
          } else {
            target.open = kind === 'open';
            if (target.open) target.shutter.open();
            else target.shutter.shut('busy');
          }
        });
      }),
      { numRuns: 200 },
    );
  });
}

test('with numbers, 1,000 clients use 1,000 endpoints evenly, and one that goes, whichever, changes 0.11 % of the connections at most', () => {
  const { view, endpoints } = viewOfMany(1_000);
  const pickers = Array.from({ length: 1_000 }, (_, client) => pickerFor(subset(random(), { client, numberOf }), view));
  const connections = () =>
    pickers.map((picker) => {
      picker.pick(view, aCall, 0);
      return new Set(endpoints.filter((endpoint) => picker.allows?.(endpoint, aCall)));
    });
  const before = connections();
  const counts = endpoints.map((endpoint) => before.filter((each) => each.has(endpoint)).length);
  assert.deepEqual([Math.min(...counts), Math.max(...counts)], [20, 20]);
  const gone = endpoints[417];
  assert.ok(gone);
  view.remove(gone);
  const after = connections();
  const lost = before.reduce((sum, each, client) => sum + [...each].filter((endpoint) => !after[client]?.has(endpoint)).length, 0);
  assert.equal(lost, 20);
});

test('by hash, an endpoint that goes is the only one that a client loses, and clients differ', () => {
  const { view, endpoints } = viewOfMany(200);
  const pickers = Array.from({ length: 50 }, (_, index) => pickerFor(subset(random(), { name: `client-${index}`, size: 20 }), view));
  const subsets = () =>
    pickers.map((picker) => {
      picker.pick(view, aCall, 0);
      return endpoints.filter((endpoint) => picker.allows?.(endpoint, aCall)).map(({ id }) => id);
    });
  const before = subsets();
  assert.equal(new Set(before.map(String)).size, 50);
  const gone = endpoints[100];
  assert.ok(gone);
  view.remove(gone);
  subsets().forEach((now, client) => {
    const lost = (before[client] ?? []).filter((id) => !now.includes(id));
    assert.ok(lost.length === 0 || (lost.length === 1 && lost[0] === gone.id), String(lost));
    assert.equal(now.length, 20);
  });
});

test('an endpoint may be retried on if it is in the subset of the list as it is now, whether or not a pick came before', () => {
  const { view, endpoints } = viewOfMany(10);
  const picker = pickerFor(subset(random(), { size: 3, name: 'client-7' }), view);
  const allowed = () => endpoints.filter((endpoint) => picker.allows?.(endpoint, aCall)).map(({ id }) => id);
  assert.equal(allowed().length, 3);
  assert.deepEqual(new Set(allowed()), used(picker, view, 3));
  const shut = endpoints.find(({ id }) => id === allowed()[0]) as Endpoint;
  view.shutterFor(shut).shut('broken');
  assert.equal(allowed().length, 3);
  assert.ok(!allowed().includes(shut.id));
});

test('a subset and localities stand in each other', () => {
  const { view, endpoints } = viewOfMany(60);
  for (const [index, endpoint] of endpoints.entries()) view.change(endpoint, { ...endpoint.instance, priority: index % 2 });
  const picker = pickerFor(byLocality(subset(p2c(), { name: 'a', size: 5 })), view);
  assert.equal(used(picker, view, 20).size, 5);
  for (const endpoint of endpoints.filter((_, index) => index % 4 === 0)) view.shutterFor(endpoint).shut('broken');
  assert.equal(used(picker, view, 20).size, 10);
});

test('a pick allocates nothing once the subset is chosen', () => {
  const { view } = viewOfMany(100);
  const picker = pickerFor(subset(p2c(), { client: 3, numberOf }), view, { next: () => 0.37 });
  const bytes = bytesLeftBy(() => picker.pick(view, aCall, 100));
  assert.ok(bytes < 2, `${bytes} bytes a pick`);
});

test('bad options are named', () => {
  const fails = (options: object, message: RegExp) => assert.throws(() => subset(p2c(), options), message);
  fails({ size: 0 }, /subset\.size must be a whole number from 1 to 10000, got 0/);
  fails({ client: -1, numberOf }, /subset\.client must be a whole number from 0 to 999999, got -1/);
  fails({ client: 1, numberOf, name: 'a' }, /subset\.name must be left out where subset\.client is given/);
  fails({ name: '' }, /subset\.name must be a name that is not empty/);
  fails({ numberOf }, /subset\.client must be a whole number from 0 to 999999/);
  fails({ client: 1 }, /subset\.numberOf must be a function/);
  fails({ client: 1, numberOf: 3 }, /subset\.numberOf must be a function/);
  fails({ clients: 3 }, /subset\.clients/);
  assert.throws(() => Reflect.apply(subset, undefined, [{}]), /subset must be around a balancer, such as p2c\(\)/);
});
