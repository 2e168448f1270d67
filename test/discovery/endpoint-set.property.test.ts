import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Endpoint } from '../../src/core/endpoint.js';
import { UnknownServiceError } from '../../src/core/errors.js';
import { makeSet, type SetUnderTest } from './scripted-source.js';

/** An instance as the model knows it: few ids and addresses, so that they meet often. */
interface Entry {
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly priority: number;
}

const entry: fc.Arbitrary<Entry> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  url: fc.constantFrom('http://10.0.0.1:80', 'http://10.0.0.2:80'),
  weight: fc.constantFrom(0.5, 1, 3),
  priority: fc.constantFrom(0, 0, 0, 1),
});

const list = fc.uniqueArray(entry, { selector: ({ id }) => id, maxLength: 6 });

type Step =
  | { kind: 'snapshot'; entries: Entry[]; live: boolean }
  | { kind: 'patch'; upsert: Entry[]; remove: string[] }
  | { kind: 'failed' }
  | { kind: 'unknown' }
  | { kind: 'wait'; ms: number }
  | { kind: 'begin'; id: string }
  | { kind: 'end' }
  | { kind: 'shut'; id: string }
  | { kind: 'reopen' };

const traffic: fc.Arbitrary<Step>[] = [
  fc.record({ kind: fc.constant('begin' as const), id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') }),
  fc.constant({ kind: 'end' as const }),
  fc.record({ kind: fc.constant('shut' as const), id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') }),
  fc.constant({ kind: 'reopen' as const }),
];
const patch = fc.record({
  kind: fc.constant('patch' as const),
  upsert: list,
  remove: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 4 }),
});
const live = fc.record({ kind: fc.constant('snapshot' as const), entries: list, live: fc.constant(true) });
const polled = fc.record({ kind: fc.constant('snapshot' as const), entries: list, live: fc.boolean() });

const LIVE_STEPS = fc.array(fc.oneof(live, patch, fc.constant({ kind: 'failed' as const }), ...traffic), { maxLength: 30 });
const ANY_STEPS = fc.array(
  fc.oneof(
    polled,
    patch,
    fc.constant({ kind: 'failed' as const }),
    fc.constant({ kind: 'unknown' as const }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 10_000, 40_000) }),
    ...traffic,
  ),
  { maxLength: 30 },
);

/** Walks a set through steps, with requests in flight on some endpoints, some of them on removed ones. */
class Walk {
  readonly under: SetUnderTest;
  readonly inFlight: Endpoint[] = [];
  private readonly shut: { open(): void }[] = [];

  constructor() {
    this.under = makeSet();
    this.under.set.start();
  }

  async step(step: Step): Promise<void> {
    const { set, source, clock } = this.under;
    switch (step.kind) {
      case 'snapshot':
        source.sink.snapshot(step.entries, { live: step.live });
        break;
      case 'patch':
        source.sink.patch(step);
        break;
      case 'failed':
        source.sink.failed(new Error('down'));
        break;
      case 'unknown':
        source.sink.failed(new UnknownServiceError('users', 'script'));
        break;
      case 'wait':
        await clock.advance(step.ms);
        break;
      case 'begin': {
        const endpoint = set.find(step.id);
        if (endpoint === undefined) break;
        set.view.track(endpoint, 1);
        this.inFlight.push(endpoint);
        break;
      }
      case 'end': {
        const endpoint = this.inFlight.shift();
        if (endpoint === undefined) break;
        set.view.track(endpoint, -1);
        if (endpoint.inFlight === 0) endpoint.onIdle?.();
        break;
      }
      case 'shut': {
        const endpoint = set.find(step.id);
        if (endpoint === undefined) break;
        const shutter = set.view.shutterFor(endpoint);
        shutter.shut('broken');
        this.shut.push(shutter);
        break;
      }
      case 'reopen':
        this.shut.shift()?.open();
        break;
    }
  }

  /** What must hold of a view at any time. */
  checkView(): void {
    const { view } = this.under.set;
    const endpoints = [...view];
    assert.equal(endpoints.length, view.size);
    const pickable = [...view.slots.subarray(0, view.count)].map((slot) => view.bySlot[slot]);
    for (const endpoint of pickable) {
      assert.ok(
        endpoint !== undefined && endpoint.slot >= 0 && endpoint.shutGates === 0,
        'only endpoints that are there and open are picked',
      );
      assert.equal(this.under.set.find(endpoint.id), endpoint);
    }
    const open = endpoints.filter(({ shutGates }) => shutGates === 0);
    const best = Math.min(...open.map(({ instance }) => instance.priority));
    assert.deepEqual(new Set(pickable), new Set(open.filter(({ instance }) => instance.priority === best)));
    for (const endpoint of this.under.retired) assert.equal(endpoint.inFlight, 0, 'nobody retires at work');
    assert.equal(new Set(this.under.retired).size, this.under.retired.length, 'nobody retires twice');
    assert.equal(view.inFlight, this.inFlight.length);
  }
}

function applyToModel(model: Map<string, Entry>, step: Step): void {
  if (step.kind === 'snapshot') {
    model.clear();
    for (const each of step.entries) model.set(each.id, { ...each });
  } else if (step.kind === 'patch') {
    for (const id of step.remove) model.delete(id);
    for (const each of step.upsert) model.set(each.id, { ...each });
  }
}

function asSeen(endpoint: Endpoint): Entry {
  const { id, weight, priority } = endpoint.instance;
  return { id, url: endpoint.origin, weight, priority };
}

function byId(one: Entry, other: Entry): number {
  return one.id < other.id ? -1 : 1;
}

describe('any sequence of lists and changes', () => {
  it('gives exactly the endpoints that the source means, when it is believed', async () => {
    await fc.assert(
      fc.asyncProperty(LIVE_STEPS, async (steps) => {
        const walk = new Walk();
        const model = new Map<string, Entry>();
        for (const step of steps) {
          await walk.step(step);
          applyToModel(model, step);
          walk.checkView();
          const seen = [...walk.under.set.view].map(asSeen);
          assert.deepEqual(seen.sort(byId), [...model.values()].sort(byId));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps an endpoint the same object for as long as its id and address stay in the list', async () => {
    await fc.assert(
      fc.asyncProperty(LIVE_STEPS, async (steps) => {
        const walk = new Walk();
        let before = new Map<string, Endpoint>();
        for (const step of steps) {
          const removed = step.kind === 'patch' ? step.remove : [];
          await walk.step(step);
          const after = new Map([...walk.under.set.view].map((endpoint) => [endpoint.id, endpoint]));
          for (const [id, endpoint] of before) {
            const now = after.get(id);
            if (now === undefined || removed.includes(id)) continue;
            assert.equal(now === endpoint, now.origin === endpoint.origin, `${id} is the same endpoint if and only if its address is`);
          }
          before = after;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never loses an endpoint that the newest word names, whatever was doubted before', async () => {
    await fc.assert(
      fc.asyncProperty(ANY_STEPS, async (steps) => {
        const walk = new Walk();
        const model = new Map<string, Entry>();
        for (const step of steps) {
          await walk.step(step);
          applyToModel(model, step);
          if (step.kind === 'unknown') model.clear();
          walk.checkView();
          for (const { id, url, weight, priority } of model.values()) {
            const endpoint = walk.under.set.find(id);
            assert.ok(endpoint, `${id} was named last and is missing`);
            assert.deepEqual(asSeen(endpoint), { id, url, weight, priority });
          }
        }
        // Said again when all doubts are over, the newest word is the whole truth.
        await walk.under.clock.advance(40_000);
        await walk.step({ kind: 'snapshot', entries: [...model.values()], live: false });
        await walk.under.clock.advance(40_000);
        assert.equal(walk.under.set.view.size, model.size);
        walk.checkView();
      }),
      { numRuns: 300 },
    );
  });

  it('retires every endpoint once, after closing and when all requests are over', async () => {
    await fc.assert(
      fc.asyncProperty(ANY_STEPS, async (steps) => {
        const walk = new Walk();
        const seen = new Set<Endpoint>();
        for (const step of steps) {
          await walk.step(step);
          for (const endpoint of walk.under.set.view) seen.add(endpoint);
        }
        const closing = walk.under.set.close();
        assert.equal(walk.under.set.view.size, 0);
        while (walk.inFlight.length > 0) await walk.step({ kind: 'end' });
        await closing;
        assert.deepEqual(new Set(walk.under.retired), seen);
        assert.equal(walk.under.retired.length, seen.size);
        assert.equal(walk.under.clock.pendingTimers, 0);
      }),
      { numRuns: 200 },
    );
  });
});
