import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Endpoint, type Instance } from '../../src/core/endpoint.js';
import { CELLS, EndpointView, IN_FLIGHT, LOAD, OWING } from '../../src/core/endpoint-view.js';
import type { Shutter } from '../../src/core/gate.js';

function endpointOf(id: string, part: Partial<Instance> = {}): Endpoint {
  const instance = {
    protocol: 'http:',
    hostname: id,
    port: 80,
    basePath: '',
    weight: 1,
    priority: 0,
    zone: undefined,
    metadata: {},
  } as const;
  return new Endpoint({ id, ...instance, ...part });
}

function watchedView() {
  const log: string[] = [];
  const view = new EndpointView({
    ejected: (endpoint, untilMs) => log.push(`${endpoint.id} ejected until ${untilMs}`),
    recovered: (endpoint) => log.push(`${endpoint.id} recovered`),
  });
  return { view, log };
}

const pickable = (view: EndpointView) => [...view.slots.subarray(0, view.count)].map((slot) => view.bySlot[slot]?.id ?? 'none').sort();

test('an endpoint that leaves is replaced by the last one, and the places stay dense', () => {
  const { view } = watchedView();
  const endpoints = ['a', 'b', 'c', 'd'].map((id) => endpointOf(id));
  for (const endpoint of endpoints) view.add(endpoint);
  const [a, b, , d] = endpoints;
  assert.ok(a && b && d);
  view.remove(b);
  assert.deepEqual(pickable(view), ['a', 'c', 'd']);
  assert.equal(d.position, 1);
  assert.deepEqual([b.slot, b.position, view.size], [-1, -1, 3]);
  view.remove(d);
  view.remove(a);
  assert.deepEqual(pickable(view), ['c']);
});

test('a removed endpoint can be removed again without harm', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  view.add(a);
  view.remove(a);
  view.remove(a);
  assert.deepEqual([view.size, view.count], [0, 0]);
});

test('a slot is used again, and starts with the cells of the newcomer', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  view.add(a);
  view.cells[a.slot * CELLS + LOAD] = 77;
  view.remove(a);
  const b = endpointOf('b', { weight: 3 });
  b.inFlight = 2;
  view.add(b);
  assert.equal(b.slot, 0);
  assert.deepEqual([...view.cells.subarray(0, CELLS), view.weights[0]], [2, 0, 0, Number.POSITIVE_INFINITY, 3]);
});

test('since when an endpoint owes an answer is known from its last sign of life, and forgotten when it owes none', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  view.add(a);
  const owing = () => view.cells[a.slot * CELLS + OWING];
  assert.equal(owing(), Number.POSITIVE_INFINITY);
  view.owe(a, 1, 10);
  view.owe(a, 1, 20);
  assert.equal(owing(), 10);
  view.owe(a, -1, 35);
  assert.equal(owing(), 35);
  view.owe(a, -1, 40);
  assert.equal(owing(), Number.POSITIVE_INFINITY);
  view.owe(a, 1, 50);
  view.remove(a);
  view.owe(a, -1, 60);
  assert.equal(a.unanswered, 0);
});

test('an endpoint is offered while it can be picked and its priority is the one in use', () => {
  const { view } = watchedView();
  const first = endpointOf('first');
  const second = endpointOf('second', { priority: 1 });
  assert.equal(view.offers(first), false);
  view.add(second);
  assert.equal(view.offers(second), true);
  view.add(first);
  assert.deepEqual([view.offers(first), view.offers(second)], [true, false]);
  const shutter = view.shutterFor(first);
  shutter.shut('broken');
  assert.deepEqual([view.offers(first), view.offers(second)], [false, true]);
  shutter.open();
  view.remove(first);
  assert.deepEqual([view.offers(first), view.offers(second)], [false, true]);
});

test('attempts are counted on the endpoint, in its cell and over all, also when it is removed before they end', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  const b = endpointOf('b');
  view.add(a);
  view.add(b);
  view.track(a, 1);
  view.track(a, 1);
  view.track(b, 1);
  assert.equal(view.cells[a.slot * CELLS + IN_FLIGHT], 2);
  view.remove(a);
  view.track(a, -1);
  assert.deepEqual([a.inFlight, b.inFlight, view.inFlight], [1, 1, 2]);
  assert.equal(view.cells[b.slot * CELLS + IN_FLIGHT], 1);
});

test('the lowest priority that has an endpoint to offer is shown, and its place is kept when it empties', () => {
  const { view } = watchedView();
  const first = endpointOf('first', { priority: 10 });
  const reserve = endpointOf('reserve', { priority: 20 });
  const last = endpointOf('last', { priority: 30 });
  for (const endpoint of [last, first, reserve]) view.add(endpoint);
  assert.deepEqual(pickable(view), ['first']);
  const shutter = view.shutterFor(first);
  shutter.shut('broken', 500);
  assert.deepEqual(pickable(view), ['reserve']);
  view.remove(reserve);
  assert.deepEqual(pickable(view), ['last']);
  shutter.open();
  assert.deepEqual(pickable(view), ['first']);
});

test('a change of priority moves an endpoint, a shut one included', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  const b = endpointOf('b');
  const shutEndpoint = endpointOf('shut');
  for (const endpoint of [a, b, shutEndpoint]) view.add(endpoint);
  const shutter = view.shutterFor(shutEndpoint);
  shutter.shut('broken');
  for (const endpoint of [a, shutEndpoint]) {
    view.change(endpoint, { ...endpoint.instance, priority: 5 });
  }
  assert.deepEqual(pickable(view), ['b']);
  view.remove(b);
  shutter.open();
  assert.deepEqual(pickable(view), ['a', 'shut']);
});

test('equal weights are uniform, whatever they are, and the largest weight is known', () => {
  const { view } = watchedView();
  const a = endpointOf('a', { weight: 5 });
  const b = endpointOf('b', { weight: 5 });
  view.add(a);
  view.add(b);
  assert.deepEqual([view.uniform, view.maxWeight], [true, 5]);
  view.change(b, { ...b.instance, weight: 2 });
  assert.deepEqual([view.uniform, view.maxWeight, view.weights[b.slot]], [false, 5, 2]);
  view.remove(a);
  assert.deepEqual([view.uniform, view.maxWeight], [true, 2]);
});

test('an endpoint is pickable while none of its gates is shut, and counts as busy while that is all that is wrong', () => {
  const { view, log } = watchedView();
  const a = endpointOf('a');
  view.add(a);
  const breaker = view.shutterFor(a);
  const bulkhead = view.shutterFor(a);
  bulkhead.shut('busy');
  assert.deepEqual([view.count, view.busy, log.length], [0, 1, 0]);
  breaker.shut('broken', 900);
  assert.deepEqual([view.count, view.busy, a.shutUntilMs], [0, 0, 900]);
  bulkhead.open();
  assert.deepEqual([view.count, view.busy], [0, 0]);
  breaker.open();
  assert.deepEqual([view.count, view.busy], [1, 0]);
  assert.deepEqual(log, ['a ejected until 900', 'a recovered']);
});

test('a gate that says the same twice is heard once, and one that goes from busy to broken is broken', () => {
  const { view, log } = watchedView();
  const a = endpointOf('a');
  view.add(a);
  const gate = view.shutterFor(a);
  gate.shut('busy');
  gate.shut('busy');
  gate.shut('broken');
  assert.deepEqual([a.shutGates, a.busyGates, view.busy], [1, 0, 0]);
  gate.open();
  gate.open();
  assert.deepEqual([a.shutGates, a.busyGates, view.count], [0, 0, 1]);
  assert.deepEqual(log, ['a ejected until undefined', 'a recovered']);
});

test('those who follow the list hear of each change once, with what was before it, and a listener that throws breaks nothing', () => {
  const { view } = watchedView();
  const log: string[] = [];
  view.listen({
    added: () => {
      throw new Error('a mistake');
    },
  });
  view.listen({
    added: ({ id }) => log.push(`${id} added`),
    removed: ({ id, slot }) => log.push(`${id} removed from ${slot}`),
    changed: ({ id, instance }, before) => log.push(`${id} from ${before.weight} to ${instance.weight}`),
    opened: ({ id }) => log.push(`${id} opened`),
    shut: ({ id }) => log.push(`${id} shut`),
  });
  const a = endpointOf('a');
  view.add(a);
  const gate = view.shutterFor(a);
  gate.shut('busy');
  gate.shut('broken');
  gate.open();
  view.change(a, { ...a.instance, weight: 3 });
  assert.equal(view.weights[a.slot], 3);
  view.remove(a);
  assert.deepEqual(log, ['a added', 'a opened', 'a shut', 'a opened', 'a from 1 to 3', 'a shut', 'a removed from 0']);
});

test('those who wait hear of every endpoint that is added or opens, until they stop listening', () => {
  const { view } = watchedView();
  let heard = 0;
  const stop = view.listen({ opened: () => void heard++ });
  const a = endpointOf('a');
  view.add(a);
  const gate = view.shutterFor(a);
  gate.shut('busy');
  gate.open();
  assert.equal(heard, 2);
  stop();
  view.add(endpointOf('b'));
  assert.equal(heard, 2);
});

test('the time at which the first unfit endpoint is expected back is known, of busy ones nobody knows it', () => {
  const { view } = watchedView();
  const [a, b, c] = ['a', 'b', 'c'].map((id) => endpointOf(id));
  assert.ok(a && b && c);
  for (const endpoint of [a, b, c]) view.add(endpoint);
  assert.equal(view.reopensAtMs(), undefined);
  view.shutterFor(a).shut('broken', 700);
  view.shutterFor(b).shut('broken', 300);
  view.shutterFor(c).shut('busy');
  assert.equal(view.reopensAtMs(), 300);
});

test('an endpoint that is shut when it is added waits for its gates', () => {
  const { view } = watchedView();
  const a = endpointOf('a');
  const gate = view.shutterFor(a);
  gate.shut('busy');
  view.add(a);
  assert.deepEqual([view.count, view.size, view.busy], [0, 1, 1]);
  gate.open();
  assert.deepEqual([view.count, view.busy], [1, 0]);
});

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), weight: fc.integer({ min: 1, max: 3 }), priority: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ kind: fc.constant('remove' as const), index: fc.nat(99) }),
  fc.record({
    kind: fc.constant('change' as const),
    index: fc.nat(99),
    weight: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({
    kind: fc.constant('shut' as const),
    index: fc.nat(99),
    gate: fc.nat(1),
    reason: fc.constantFrom('busy' as const, 'broken' as const),
  }),
  fc.record({ kind: fc.constant('open' as const), index: fc.nat(99), gate: fc.nat(1) }),
  fc.record({ kind: fc.constant('track' as const), index: fc.nat(99) }),
);

interface Modelled {
  readonly endpoint: Endpoint;
  readonly shutters: readonly [Shutter, Shutter];
  readonly shut: ['busy' | 'broken' | undefined, 'busy' | 'broken' | undefined];
}

test('after any sequence of changes the view shows what a plain list of the same endpoints shows', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { view } = watchedView();
      const model: Modelled[] = [];
      let added = 0;
      let tracked = 0;
      for (const each of steps) {
        if (each.kind === 'add') {
          const endpoint = endpointOf(`e${added++}`, { weight: each.weight, priority: each.priority });
          view.add(endpoint);
          model.push({ endpoint, shutters: [view.shutterFor(endpoint), view.shutterFor(endpoint)], shut: [undefined, undefined] });
        } else if (model.length > 0) {
          const index = each.index % model.length;
          const target = model[index];
          assert.ok(target);
          apply(each, target, index);
        }
        compare();
      }

      function apply(each: Exclude<(typeof steps)[number], { kind: 'add' }>, { endpoint, shutters, shut }: Modelled, index: number): void {
        if (each.kind === 'remove') {
          view.remove(endpoint);
          model.splice(index, 1);
        } else if (each.kind === 'change') {
          view.change(endpoint, { ...endpoint.instance, weight: each.weight, priority: each.priority });
        } else if (each.kind === 'track') {
          view.track(endpoint, 1);
          tracked++;
        } else if (each.kind === 'shut') {
          shutters[each.gate]?.shut(each.reason);
          shut[each.gate] = each.reason;
        } else {
          shutters[each.gate]?.open();
          shut[each.gate] = undefined;
        }
      }

      function compare(): void {
        const open = model.filter(({ shut }) => shut.every((reason) => reason === undefined));
        const lowest = Math.min(...open.map(({ endpoint }) => endpoint.instance.priority));
        const expected = open.filter(({ endpoint }) => endpoint.instance.priority === lowest).map(({ endpoint }) => endpoint.id);
        assert.deepEqual(pickable(view), expected.sort());
        assert.equal(view.size, model.length);
        assert.deepEqual([...view].map(({ id }) => id).sort(), model.map(({ endpoint }) => endpoint.id).sort());
        assert.equal(view.inFlight, tracked);
        const weights = model.map(({ endpoint }) => endpoint.instance.weight);
        assert.equal(view.uniform, new Set(weights).size <= 1);
        if (weights.length > 0) assert.equal(view.maxWeight, Math.max(...weights));
        const busy = model.filter(({ shut }) => shut.includes('busy') && !shut.includes('broken'));
        assert.equal(view.busy, busy.length);
        for (const { endpoint } of model) {
          assert.equal(view.bySlot[endpoint.slot], endpoint);
          assert.equal(view.weights[endpoint.slot], endpoint.instance.weight);
          assert.equal(view.cells[endpoint.slot * CELLS + IN_FLIGHT], endpoint.inFlight);
        }
      }
    }),
    { numRuns: 150 },
  );
});
