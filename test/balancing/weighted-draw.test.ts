import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { WeightedDraw } from '../../src/balancing/weighted-draw.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import type { EndpointView } from '../../src/core/endpoint-view.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { endpointOf, isShare, viewOf, weightedView } from './endpoints.js';

/** How often each slot comes up. */
function countsOf(draws: number, draw: () => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const slot = draw();
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  }
  return counts;
}

function assertShares(view: EndpointView, counts: ReadonlyMap<number, number>, draws: number): void {
  const slots = [...view.slots.subarray(0, view.count)];
  const sum = slots.reduce((before, slot) => before + (view.weights[slot] as number), 0);
  for (const slot of counts.keys()) assert.ok(slots.includes(slot), `${slot} cannot be picked`);
  for (const slot of slots) {
    const share = (view.weights[slot] as number) / sum;
    assert.ok(isShare(counts.get(slot) ?? 0, draws, share), `${counts.get(slot)} of ${draws} in place of ${share}`);
  }
}

describe('a draw by weight', () => {
  test('has its shares before there is a table and with it, and after each kind of change', () => {
    const { view, endpoints } = weightedView([1, 5, 2, 2, 4, 1, 1, 9, 1, 1]);
    const random = seededRandom(3);
    const shutter = view.shutterFor(endpoints[7] as Endpoint);
    const changes = [
      () => {},
      () => shutter.shut('broken'),
      () => shutter.open(),
      () => view.change(endpoints[0] as Endpoint, { ...(endpoints[0] as Endpoint).instance, weight: 8 }),
      () => view.remove(endpoints[1] as Endpoint),
      () => view.add(endpointOf(20, { weight: 3 })),
      () => view.add(endpointOf(21, { priority: 1, weight: 300 })),
    ];
    const draw = new WeightedDraw(random);
    for (const change of changes) {
      change();
      assertShares(
        view,
        countsOf(view.count, () => draw.draw(view)),
        view.count,
      );
      assertShares(
        view,
        countsOf(20_000, () => draw.draw(view)),
        20_000,
      );
      // As many draws as there are endpoints come before the table: many such draws, each after a change.
      const early = countsOf(20_000, () => {
        const endpoint = endpoints[3] as Endpoint;
        view.change(endpoint, { ...endpoint.instance, weight: 3 });
        view.change(endpoint, { ...endpoint.instance, weight: 2 });
        return draw.draw(view);
      });
      assertShares(view, early, 20_000);
    }
  });

  test('leaves out the excepted endpoint and keeps the proportions of the others, also where it has nearly all', () => {
    for (const weights of [
      [1, 50, 3],
      [1, 1e6, 3],
    ]) {
      const { view } = weightedView(weights);
      const draw = new WeightedDraw(seededRandom(3));
      const counts = countsOf(20_000, () => draw.drawOther(view, 1));
      assert.equal(counts.get(1), undefined);
      assert.ok(isShare(counts.get(2) ?? 0, 20_000, 0.75), String([...counts]));
    }
    const { view } = weightedView([1, 1e6]);
    const draw = new WeightedDraw(seededRandom(3));
    assert.equal(draw.drawOther(view, 1), 0);
    assert.equal(draw.drawOther(view, 0), 1);
  });

  test('never draws what cannot be picked, whatever changes between the draws, of one list or several', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'remove', 'shut', 'open', 'weigh', 'draw', 'draw', 'draw', 'other'),
      index: fc.nat(12),
      weight: fc.integer({ min: 1, max: 1_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(), (steps, seed) => {
        const draw = new WeightedDraw(seededRandom(seed));
        const views = [viewOf(), viewOf()];
        const present: Endpoint[][] = [[], []];
        let added = 0;
        for (const { kind, index, weight } of steps) {
          const which = weight % 2;
          const view = views[which] as EndpointView;
          const there = present[which] as Endpoint[];
          const endpoint = there[index % Math.max(1, there.length)];
          if (kind === 'add') {
            const more = endpointOf(added++, { weight });
            view.add(more);
            there.push(more);
          } else if (endpoint === undefined) {
          } else if (kind === 'remove') {
            view.remove(endpoint);
            there.splice(there.indexOf(endpoint), 1);
          } else if (kind === 'weigh') {
            view.change(endpoint, { ...endpoint.instance, weight });
          } else if (kind === 'shut') {
            if (endpoint.shutGates === 0) view.turn(endpoint, undefined, 'broken', undefined);
          } else if (kind === 'open') {
            if (endpoint.shutGates > 0) view.turn(endpoint, 'broken', undefined, undefined);
          } else if (kind === 'draw' && view.count > 0) {
            for (let draws = 0; draws < 4; draws++) assert.ok(view.offers(view.bySlot[draw.draw(view)] as Endpoint));
          } else if (kind === 'other' && view.count > 1) {
            const except = view.slots[index % view.count] as number;
            const slot = draw.drawOther(view, except);
            assert.notEqual(slot, except);
            assert.ok(view.offers(view.bySlot[slot] as Endpoint));
          }
        }
      }),
    );
  });
});
