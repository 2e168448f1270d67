import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventHeap, SimulatedEvent } from '../../../src/testing/simulation/event-heap.js';

class Happening extends SimulatedEvent {
  constructor(readonly id: number) {
    super();
  }
  fire(): boolean {
    return false;
  }
}

/** Plan a new event, move the n-th one, or call the n-th one off. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('plan' as const), atMs: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), which: fc.nat(200), atMs: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('callOff' as const), which: fc.nat(200) }) },
);

test('whatever was planned, moved and called off, events come by time, and those of one time as they were planned', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const heap = new EventHeap();
      const events: Happening[] = [];
      // What it should be, the slow way: a list in the order of planning.
      let planned: { id: number; atMs: number }[] = [];
      for (const each of steps) {
        const event = each.kind === 'plan' ? new Happening(events.length) : events[each.which % Math.max(1, events.length)];
        if (event === undefined) continue;
        if (each.kind === 'plan') events.push(event);
        planned = planned.filter(({ id }) => id !== event.id);
        if (each.kind === 'callOff') {
          heap.remove(event);
        } else {
          heap.plan(event, each.atMs);
          planned.push({ id: event.id, atMs: each.atMs });
        }
        assert.equal(heap.size, planned.length);
      }
      const expected = planned.toSorted((one, other) => one.atMs - other.atMs).map(({ id }) => id);
      const happened: number[] = [];
      for (let event = heap.first; event !== undefined; event = heap.first) {
        heap.remove(event);
        happened.push((event as Happening).id);
      }
      assert.deepEqual(happened, expected);
    }),
    { seed: 5, numRuns: 500 },
  );
});
