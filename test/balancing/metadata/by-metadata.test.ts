import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { maglev } from '../../../src/balancing/hashing/maglev.js';
import { byLocality } from '../../../src/balancing/locality/by-locality.js';
import { byMetadata, type MetadataOptions } from '../../../src/balancing/metadata/by-metadata.js';
import { p2c } from '../../../src/balancing/p2c.js';
import { pendingRequests } from '../../../src/balancing/pending-requests.js';
import { random } from '../../../src/balancing/random.js';
import { roundRobin } from '../../../src/balancing/round-robin.js';
import { subset } from '../../../src/balancing/subsetting/subset.js';
import { Call } from '../../../src/core/call.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Shutter } from '../../../src/core/gate.js';
import type { Balancer, Picker } from '../../../src/core/picker.js';
import type { ViewListener } from '../../../src/core/view-listeners.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { aCall, cellsOf, endpointOf, isShare, pickerFor, settled, viewOf } from '../endpoints.js';
import { bytesLeftBy } from '../garbage.js';

function callWith(headers: Readonly<Record<string, string>>): Call {
  return new Call({ service: 'users', method: 'GET', path: '/', headers: Object.entries(headers).flat(), idempotent: true });
}

/** Endpoints with these metadata, called e0, e1 and so on. */
function viewWith(...metadata: readonly Record<string, string>[]): { view: EndpointView; endpoints: Endpoint[] } {
  const endpoints = metadata.map((each, index) => endpointOf(index, { metadata: each }));
  return { view: viewOf(...endpoints), endpoints };
}

/** The ids of all endpoints that such a call is picked to. */
function reached(picker: Picker, view: EndpointView, headers: Readonly<Record<string, string>> = {}): string {
  const call = callWith(headers);
  const ids = new Set(Array.from({ length: 200 }, () => picker.pick(view, call, 0)?.id ?? 'none'));
  return [...ids].sort().join(' ');
}

const VERSION: MetadataOptions['by'] = { version: { header: 'X-Version' } };
const V1 = { version: 'v1' };
const V2 = { version: 'v2' };

describe('what a call wants', () => {
  test('is the value of a header, whatever the case of its name', () => {
    const { view } = viewWith(V1, V2, V1, {});
    const picker = pickerFor(byMetadata(random(), { by: VERSION }), view);
    assert.equal(reached(picker, view, { 'x-version': 'v1' }), 'e0 e2');
    assert.equal(reached(picker, view, { 'X-VERSION': 'v2' }), 'e1');
    assert.equal(reached(picker, view, { 'x-version': 'V2' }), 'none');
    assert.equal(reached(picker, view, { 'x-version': '' }), 'none');
  });

  test('is the same for all calls where a value is given', () => {
    const { view } = viewWith(V1, V2, V1);
    const picker = pickerFor(byMetadata(random(), { by: { version: 'v1' } }), view);
    assert.equal(reached(picker, view), 'e0 e2');
  });

  test('is what a function returns; one that throws, or returns no text, wants nothing and is reported once', async () => {
    const { view } = viewWith(V1, V2);
    const warnings: string[] = [];
    const note = (warning: Error) => warnings.push(warning.message);
    process.on('warning', note);
    try {
      const by = { version: (call: Call) => (call.header('x-bad') === undefined ? (call.header('x-beta') ?? 'v1') : JSON.parse('3')) };
      const picker = pickerFor(byMetadata(random(), { by, fallback: V2 }), view);
      assert.equal(reached(picker, view), 'e0');
      assert.equal(reached(picker, view, { 'x-beta': 'v2' }), 'e1');
      assert.equal(reached(picker, view, { 'x-bad': 'yes' }), 'e1');
      await new Promise(setImmediate);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', /byMetadata\.by\.version/);
    } finally {
      process.off('warning', note);
    }
  });

  test('may be several pairs, any of which may be left out', () => {
    const { view } = viewWith(
      { version: 'v1', stage: 'canary' },
      { version: 'v2', stage: 'canary' },
      { version: 'v2', stage: 'stable', other: 'v1' },
      { stage: 'stable' },
    );
    const by = { version: { header: 'x-version' }, stage: { header: 'x-stage' } };
    const picker = pickerFor(byMetadata(random(), { by }), view);
    assert.equal(reached(picker, view, { 'x-version': 'v2' }), 'e1 e2');
    assert.equal(reached(picker, view, { 'x-stage': 'canary' }), 'e0 e1');
    assert.equal(reached(picker, view, { 'x-stage': 'stable', 'x-version': 'v2' }), 'e2');
    assert.equal(reached(picker, view, { 'x-stage': 'stable', 'x-version': 'v1' }), 'none');
    assert.equal(reached(picker, view), 'none');
  });

  test('names of things that every object has are values and keys like any other', () => {
    const { view } = viewWith({ constructor: 'toString' }, {});
    const picker = pickerFor(
      byMetadata(random(), { by: { constructor: { header: 'x' }, version: 'v1' }, fallback: { constructor: 'toString' } }),
      view,
    );
    assert.equal(reached(picker, view, { x: 'toString' }), 'e0');
    assert.equal(reached(picker, view, { x: '__proto__' }), 'e0');
  });
});

describe('where a call goes for which there is nobody', () => {
  for (const [fallback, unknown] of [
    [undefined, 'none'],
    ['none', 'none'],
    ['any', 'e0 e1 e2'],
    [V1, 'e0'],
    [{ version: 'v7' }, 'none'],
  ] as const) {
    test(`with the fallback ${JSON.stringify(fallback)}: ${unknown}`, () => {
      const { view, endpoints } = viewWith(V1, V2, {});
      const picker = pickerFor(byMetadata(random(), { by: VERSION, fallback }), view);
      assert.equal(reached(picker, view, { 'x-version': 'v3' }), unknown);
      assert.equal(reached(picker, view), unknown);
      assert.equal(reached(picker, view, { 'x-version': 'v2' }), 'e1');
      const [, second] = endpoints;
      assert.ok(second);
      const shutter = view.shutterFor(second);
      shutter.shut('broken');
      assert.equal(reached(picker, view, { 'x-version': 'v2' }), unknown.replace(' e1', ''));
      shutter.open();
      assert.equal(reached(picker, view, { 'x-version': 'v2' }), 'e1');
      view.remove(second);
      assert.equal(reached(picker, view, { 'x-version': 'v2' }), unknown.replace(' e1', ''));
    });
  }
});

describe('a part', () => {
  test('follows each change: of metadata, of weight, of priority, added, removed', () => {
    const { view, endpoints } = viewWith(V1, V2);
    const [first, second] = endpoints;
    assert.ok(first && second);
    const picker = pickerFor(byMetadata(roundRobin(), { by: VERSION }), view);
    const v2 = () => reached(picker, view, { 'x-version': 'v2' });
    assert.equal(v2(), 'e1');
    view.change(first, { ...first.instance, metadata: V2 });
    assert.equal(v2(), 'e0 e1');
    view.change(first, { ...first.instance, priority: 1 });
    assert.equal(v2(), 'e1');
    view.change(second, { ...second.instance, priority: 2 });
    assert.equal(v2(), 'e0');
    view.add(endpointOf(7, { metadata: V2, priority: 1, weight: 3 }));
    const call = callWith({ 'x-version': 'v2' });
    const picks = Array.from({ length: 400 }, () => picker.pick(view, call, 0)?.id);
    assert.equal(picks.filter((id) => id === 'e7').length, 300);
    view.change(second, { ...second.instance, metadata: V1, priority: 0 });
    assert.equal(v2(), 'e0 e7');
    view.remove(first);
    assert.equal(v2(), 'e7');
  });

  test('offers its first priority that has an endpoint to pick, whatever the priorities of the others', () => {
    const { view, endpoints } = viewWith(V2, V2, V2, V1);
    for (const [index, priority] of [1, 3, 3, 0].entries())
      view.change(endpoints[index] as Endpoint, { ...(endpoints[index] as Endpoint).instance, priority });
    const picker = pickerFor(byMetadata(random(), { by: VERSION }), view);
    const v2 = () => reached(picker, view, { 'x-version': 'v2' });
    assert.equal(v2(), 'e0');
    const shutters = endpoints.map((endpoint) => view.shutterFor(endpoint));
    shutters[0]?.shut('broken');
    assert.equal(v2(), 'e1 e2');
    shutters[1]?.shut('busy');
    assert.equal(v2(), 'e2');
    shutters[0]?.open();
    assert.equal(v2(), 'e0');
    view.remove(endpoints[0] as Endpoint);
    assert.equal(v2(), 'e2');
  });

  test("has shares as its balancer gives them, and leaves the others' alone", () => {
    const { view } = viewWith(...Array.from({ length: 12 }, (_, index) => ({ version: `v${index % 3}` })));
    for (const inner of [random(), p2c()]) {
      const picker = pickerFor(byMetadata(inner, { by: VERSION, fallback: 'any' }), view);
      const counts = new Map<string, number>();
      const call = callWith({ 'x-version': 'v1' });
      for (let i = 0; i < 20_000; i++) {
        const id = picker.pick(view, call, 0)?.id ?? 'none';
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      assert.deepEqual([...counts.keys()].sort(), ['e1', 'e10', 'e4', 'e7']);
      for (const [id, count] of counts) assert.ok(isShare(count, 20_000, 1 / 4), `${inner.name}: ${id} ${count}`);
    }
  });

  test('learns of each attempt once, whichever way the call came to it', () => {
    const { view, endpoints } = viewWith(V1, V2);
    const [first, second] = endpoints;
    assert.ok(first && second);
    for (const fallback of ['any', V1] as const) {
      const picker = pickerFor(byMetadata(p2c({ load: pendingRequests() }), { by: VERSION, fallback }), view);
      const loadBefore: number = cellsOf(view, first).load;
      for (const headers of [{ 'x-version': 'v1' }, { 'x-version': 'v3' }, {}]) {
        const call = callWith(headers);
        picker.pick(view, call, 10);
        picker.settle?.(first, 'failure', 1, call, 10, undefined);
      }
      assert.equal(cellsOf(view, first).load - loadBefore, 3);
    }
  });

  test('holds balancers that look at more than who can be picked now: priorities, subsets, tables', () => {
    const { view, endpoints } = viewWith(...Array.from({ length: 40 }, (_, index) => ({ version: `v${index % 2}` })));
    for (const [index, endpoint] of endpoints.entries())
      view.change(endpoint, { ...endpoint.instance, priority: index < 20 ? 0 : 1, zone: index % 4 < 2 ? 'a' : 'b' });
    const odd = ({ id }: { readonly id: string }) => Number(id.slice(1)) % 2 === 1;
    for (const index of [1, 3, 5, 7, 9]) view.shutterFor(endpoints[index] as Endpoint).shut('broken');
    const call = callWith({ 'x-version': 'v1' });
    const shareOfFirst = (inner: Balancer) => {
      const picker = pickerFor(byMetadata(inner, { by: VERSION }), view);
      const picked = Array.from({ length: 10_000 }, () => picker.pick(view, call, 0) as Endpoint);
      assert.ok(
        picked.every((endpoint) => odd(endpoint) && endpoint.position >= 0),
        inner.name,
      );
      return picked.filter(({ instance }) => instance.priority === 0).length;
    };
    // Of ten of the version at the first priority five are left: 70 % of the requests, by Envoy's arithmetic.
    assert.ok(isShare(shareOfFirst(byLocality(p2c())), 10_000, 0.7));
    assert.equal(shareOfFirst(subset(p2c(), { size: 3 })), 10_000);
    let turn = 0;
    assert.equal(shareOfFirst(maglev({ by: () => `key ${turn++}` })), 10_000);
  });

  test('is what a retry may go to', () => {
    const { view, endpoints } = viewWith(V1, V2, V2, {});
    const allowed = (fallback: MetadataOptions['fallback'], headers: Readonly<Record<string, string>>) => {
      const picker = pickerFor(byMetadata(p2c(), { by: VERSION, fallback }), view);
      return endpoints.filter((endpoint) => picker.allows?.(endpoint, callWith(headers))).map(({ id }) => id);
    };
    assert.deepEqual(allowed('any', { 'x-version': 'v2' }), ['e1', 'e2']);
    assert.deepEqual(allowed('any', { 'x-version': 'v3' }), ['e0', 'e1', 'e2', 'e3']);
    assert.deepEqual(allowed('none', { 'x-version': 'v3' }), []);
    assert.deepEqual(allowed(V1, {}), ['e0']);
  });
});

describe('what it costs', () => {
  test('a change of one endpoint looks at no other, and tells nobody but the parts that have it', () => {
    let looks = 0;
    const watched = (metadata: Record<string, string>) =>
      new Proxy(metadata, {
        getOwnPropertyDescriptor(target, key) {
          looks++;
          return Reflect.getOwnPropertyDescriptor(target, key);
        },
      });
    const { view, endpoints } = viewWith(...Array.from({ length: 1_000 }, (_, index) => watched({ version: `v${index % 10}` })));
    const heard: string[] = [];
    const inner: Balancer = {
      name: 'noting',
      build({ view: part }) {
        const { id } = [...part][0] as Endpoint;
        const noting = (what: string) => () => heard.push(`${what} in that of ${id}`);
        const listener: ViewListener = {
          added: noting('added'),
          removed: noting('removed'),
          changed: noting('changed'),
          opened: noting('opened'),
          shut: noting('shut'),
        };
        part.listen(listener);
        return { pick: () => part.bySlot[part.slots[0] as number] };
      },
    };
    const picker = pickerFor(byMetadata(inner, { by: VERSION }), view);
    for (let version = 0; version < 10; version++) picker.pick(view, callWith({ 'x-version': `v${version}` }), 0);
    const endpoint = endpoints[503] as Endpoint;
    const changesOf = (change: () => void) => {
      looks = 0;
      change();
      return { looks, heard: heard.splice(0) };
    };
    const shutter = view.shutterFor(endpoint);
    assert.deepEqual(
      changesOf(() => shutter.shut('broken')),
      { looks: 0, heard: ['shut in that of e3'] },
    );
    assert.deepEqual(
      changesOf(() => shutter.open()),
      { looks: 0, heard: ['opened in that of e3'] },
    );
    assert.deepEqual(
      changesOf(() => view.change(endpoint, { ...endpoint.instance, weight: 2 })),
      { looks: 2, heard: ['changed in that of e3'] },
    );
    const moved = changesOf(() => view.change(endpoint, { ...endpoint.instance, metadata: { version: 'v4' } }));
    assert.deepEqual(moved, {
      looks: 1,
      heard: ['shut in that of e3', 'removed in that of e3', 'added in that of e4', 'opened in that of e4'],
    });
    assert.deepEqual(
      changesOf(() => view.remove(endpoint)),
      { looks: 0, heard: ['shut in that of e4', 'removed in that of e4'] },
    );
  });

  test('no more than `maxParts` are kept, those used last, and what nobody has is not kept at all', () => {
    let built = 0;
    let closed = 0;
    const inner: Balancer = {
      name: 'counting',
      build({ view: part }) {
        built++;
        return { pick: () => part.bySlot[part.slots[0] ?? -1], close: () => closed++ };
      },
    };
    const { view } = viewWith(...Array.from({ length: 20 }, (_, index) => ({ version: `v${index % 5}` })));
    const picker = pickerFor(byMetadata(inner, { by: VERSION, maxParts: 2 }), view);
    const ask = (version: number) => picker.pick(view, callWith({ 'x-version': `v${version}` }), 0)?.instance.metadata.version;
    for (const version of [0, 1, 0, 2, 0, 1, 2, 3, 4]) assert.equal(ask(version), `v${version}`);
    assert.deepEqual([built, closed], [7, 5]);
    for (let version = 100; version < 1_100; version++) assert.equal(ask(version), undefined);
    assert.deepEqual([built, closed], [7, 5]);
    picker.close?.();
    assert.equal(closed, 7);
  });

  test('a part that lost its last endpoint is closed, and a closed balancer follows nothing', () => {
    const followers = { count: 0 };
    const { view, endpoints } = viewWith(V1, V2);
    const counted = Object.create(view, {
      listen: {
        value: (listener: ViewListener) => {
          followers.count++;
          const stop = view.listen(listener);
          return () => {
            followers.count--;
            stop();
          };
        },
      },
    }) as EndpointView;
    let closed = 0;
    const inner: Balancer = {
      name: 'inner',
      build: () => ({ pick: (part) => part.bySlot[part.slots[0] as number], close: () => closed++ }),
    };
    const picker = pickerFor(byMetadata(inner, { by: VERSION, fallback: 'any' }), counted);
    picker.pick(view, callWith({ 'x-version': 'v2' }), 0);
    view.remove(endpoints[1] as Endpoint);
    assert.equal(closed, 1);
    assert.equal(followers.count, 1);
    picker.close?.();
    assert.deepEqual([closed, followers.count], [2, 0]);
  });

  test('a pick allocates nothing', () => {
    const { view } = viewWith(...Array.from({ length: 60 }, (_, index) => ({ version: `v${index % 3}`, stage: `s${index % 2}` })));
    const by = { version: { header: 'x-version' }, stage: { header: 'x-stage' }, region: { header: 'x-region' } };
    const picker = pickerFor(byMetadata(p2c(), { by, fallback: 'any' }), view, { next: () => 0.37 });
    const calls = [callWith({ 'x-version': 'v1', 'x-stage': 's0' }), callWith({ 'x-version': 'v7' }), callWith({ 'x-stage': 's1' })];
    const bytes = bytesLeftBy((index) => picker.pick(view, calls[index % 3] as Call, 100));
    assert.ok(bytes < 2, `${bytes} bytes a pick`);
  });
});

const change = fc.record({
  kind: fc.constantFrom('add', 'add', 'remove', 'shut', 'shut', 'open', 'move', 'pick', 'pick', 'pick', 'pick'),
  index: fc.nat(30),
  weight: fc.integer({ min: 1, max: 3 }),
  priority: fc.nat(1),
  version: fc.constantFrom('v1', 'v2', undefined),
  stage: fc.constantFrom('canary', 'stable', undefined),
});

test('never picks an endpoint that is shut, removed, of a lower priority or of other metadata, and always picks one if there is one', () => {
  const by = { version: { header: 'version' }, stage: { header: 'stage' } };
  const inners = [
    () => p2c(),
    () => random(),
    () => roundRobin(),
    () => subset(p2c(), { size: 2, name: 'checkout-1' }),
    () => maglev({ by: { header: 'version' } }),
  ];
  const pairs = (values: Readonly<Record<string, string | undefined>>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<string, string>;
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 120 }),
      fc.nat(),
      fc.constantFrom('none' as const, 'any' as const, { stage: 'stable' }),
      fc.constantFrom(...inners),
      fc.integer({ min: 1, max: 6 }),
      (changes, seed, fallback, inner, maxParts) => {
        const view = viewOf();
        const picker = pickerFor(byMetadata(inner(), { by, fallback, maxParts }), view, seededRandom(seed));
        const present: { endpoint: Endpoint; shutter: Shutter; open: boolean }[] = [];
        changes.forEach(({ kind, index, weight, priority, version, stage }, nowMs) => {
          const at = index % Math.max(1, present.length);
          const target = present[at];
          const metadata = pairs({ version, stage });
          if (kind === 'add') {
            const endpoint = endpointOf(0, { id: `users-${nowMs}`, weight, priority, metadata });
            view.add(endpoint);
            present.push({ endpoint, shutter: view.shutterFor(endpoint), open: true });
          } else if (kind === 'pick') {
            const open = present.filter((each) => each.open).map(({ endpoint }) => endpoint);
            const having = (wanted: Readonly<Record<string, string>>) =>
              open.filter(({ instance }) => Object.entries(wanted).every(([key, value]) => instance.metadata[key] === value));
            let expected = Object.keys(metadata).length === 0 ? [] : having(metadata);
            if (expected.length === 0 && fallback !== 'none') expected = having(fallback === 'any' ? {} : fallback);
            const first = Math.min(...expected.map(({ instance }) => instance.priority));
            const call = callWith(metadata);
            const picked = picker.pick(view, call, nowMs);
            if (picked === undefined) assert.equal(expected.length, 0);
            else {
              assert.ok(expected.includes(picked) && picked.instance.priority === first, picked.id);
              assert.equal(picker.allows?.(picked, call), true);
              view.track(picked, 1);
              settled(picker, picked, 'success', 5, nowMs);
              view.track(picked, -1);
            }
          } else if (target === undefined) {
            return;
          } else if (kind === 'remove') {
            view.remove(target.endpoint);
            present.splice(at, 1);
          } else if (kind === 'move') {
            view.change(target.endpoint, { ...target.endpoint.instance, weight, priority, metadata });
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

test('bad options are named', () => {
  const fails = (options: object, message: RegExp) => assert.throws(() => Reflect.apply(byMetadata, undefined, [p2c(), options]), message);
  fails({}, /byMetadata\.by must be an object of wanted values by key of the metadata, got undefined/);
  fails({ by: {} }, /byMetadata\.by must be an object of 1 to 4 keys/);
  fails({ by: { a: '1', b: '1', c: '1', d: '1', e: '1' } }, /byMetadata\.by must be an object of 1 to 4 keys/);
  fails({ by: { version: '' } }, /byMetadata\.by\.version must be a value, \{ header: 'name' \} or a function, got ''/);
  fails({ by: { version: { cookie: 'a' } } }, /byMetadata\.by\.version must be a value/);
  fails({ by: { version: { header: 'a b' } } }, /byMetadata\.by\.version\.header must be a name as HTTP allows it/);
  fails({ by: VERSION, fallback: 'all' }, /byMetadata\.fallback must be 'none', 'any' or an object/);
  fails({ by: VERSION, fallback: {} }, /byMetadata\.fallback must be 'none', 'any' or an object/);
  fails({ by: VERSION, fallback: { stage: 'a' } }, /byMetadata\.fallback\.stage/);
  fails({ by: VERSION, fallback: { version: '' } }, /byMetadata\.fallback\.version must be a value that is not empty/);
  fails({ by: VERSION, maxParts: 0 }, /byMetadata\.maxParts must be a whole number from 1 to 10000, got 0/);
  fails({ by: VERSION, keys: [] }, /byMetadata\.keys/);
  assert.throws(() => Reflect.apply(byMetadata, undefined, [{}, { by: VERSION }]), /byMetadata must be around a balancer, such as p2c\(\)/);
  assert.equal(pickerFor(byMetadata(p2c(), { by: VERSION }), viewOf()).pick(viewOf(), aCall, 0), undefined);
});
