import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PartView } from '../../../src/balancing/locality/part-view.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { Shutter } from '../../../src/core/gate.js';
import { endpointOf, viewOf } from '../endpoints.js';

/** A view, and a part of it that follows the endpoints of the zone 'a'. */
function partOfZoneA() {
  const view = viewOf();
  const part = new PartView(view);
  const isIn = ({ instance }: Endpoint) => instance.zone === 'a';
  view.listen({
    added: (endpoint) => isIn(endpoint) && part.join(endpoint),
    removed: (endpoint) => isIn(endpoint) && part.leave(endpoint),
    opened: (endpoint) => isIn(endpoint) && part.open(endpoint),
    shut: (endpoint) => isIn(endpoint) && part.shut(endpoint),
    changed: (endpoint, before) => isIn(endpoint) && part.change(endpoint, before),
    tracked: (endpoint, change) => isIn(endpoint) && part.track(endpoint, change),
  });
  return { view, part };
}

const step = fc.record({
  kind: fc.constantFrom('add', 'remove', 'shut', 'open', 'weigh', 'track'),
  index: fc.nat(1_000),
  weight: fc.integer({ min: 1, max: 3 }),
  zone: fc.constantFrom('a', 'b'),
});

test('after any sequence of changes a part shows what a plain list of its members says, and told its listeners of each', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { view, part } = partOfZoneA();
      const present: { endpoint: Endpoint; shutter: Shutter; open: boolean }[] = [];
      const heard = { members: new Set<Endpoint>(), open: new Set<Endpoint>(), inFlight: 0 };
      part.listen({
        added: (endpoint) => heard.members.add(endpoint),
        removed: (endpoint) => {
          assert.ok(endpoint.slot >= 0);
          heard.members.delete(endpoint);
          heard.inFlight -= endpoint.inFlight;
        },
        opened: (endpoint) => heard.open.add(endpoint),
        shut: (endpoint) => heard.open.delete(endpoint),
        tracked: (_endpoint, change) => {
          heard.inFlight += change;
        },
      });
      for (const { kind, index, weight, zone } of steps) {
        const at = index % Math.max(1, present.length);
        const target = present[at];
        if (kind === 'add') {
          const endpoint = endpointOf(0, { id: `e${index}`, weight, zone });
          const shutter = view.shutterFor(endpoint);
          if (index % 3 === 0) shutter.shut('broken');
          view.add(endpoint);
          present.push({ endpoint, shutter, open: index % 3 !== 0 });
        } else if (target === undefined) {
          continue;
        } else if (kind === 'remove') {
          view.remove(target.endpoint);
          present.splice(at, 1);
        } else if (kind === 'track') {
          view.track(target.endpoint, 1);
        } else if (kind === 'weigh') {
          view.change(target.endpoint, { ...target.endpoint.instance, weight });
        } else {
          target.open = kind === 'open';
          if (target.open) target.shutter.open();
          else target.shutter.shut('busy');
        }
        const members = present.filter(({ endpoint }) => endpoint.instance.zone === 'a');
        const open = members.filter((member) => member.open).map(({ endpoint }) => endpoint);
        const weights = members.map(({ endpoint }) => endpoint.instance.weight);
        assert.deepEqual(new Set(part), new Set(members.map(({ endpoint }) => endpoint)));
        assert.deepEqual(heard.members, new Set(part));
        assert.equal(part.size, members.length);
        assert.equal(part.count, open.length);
        assert.deepEqual(new Set([...part.slots.subarray(0, part.count)].map((slot) => part.bySlot[slot])), new Set(open));
        assert.deepEqual(heard.open, new Set(open));
        assert.equal(part.uniform, new Set(weights).size <= 1);
        if (weights.length > 0) assert.equal(part.maxWeight, Math.max(...weights));
        assert.equal(part.cells, view.cells);
        const inFlight = members.reduce((sum, { endpoint }) => sum + endpoint.inFlight, 0);
        assert.deepEqual([part.inFlight, heard.inFlight], [inFlight, inFlight]);
      }
    }),
    { numRuns: 200 },
  );
});

test('an endpoint that comes with requests in flight brings them along', () => {
  const { view, part } = partOfZoneA();
  const endpoint = endpointOf(1, { zone: 'a' });
  view.add(endpoint);
  view.track(endpoint, 1);
  part.leave(endpoint);
  assert.equal(part.inFlight, 0);
  part.join(endpoint);
  assert.deepEqual([part.inFlight, part.count], [1, 1]);
});

test('a listener that has stopped, or that throws, does not matter to the others', () => {
  const { view, part } = partOfZoneA();
  const heard: string[] = [];
  const stop = part.listen({ added: ({ id }) => heard.push(`stopped ${id}`), tracked: () => heard.push('stopped') });
  part.listen({
    added: () => {
      throw new Error('a mistake');
    },
  });
  part.listen({ added: ({ id }) => heard.push(id) });
  stop();
  const endpoint = endpointOf(7, { zone: 'a' });
  view.add(endpoint);
  view.track(endpoint, 1);
  assert.deepEqual(heard, ['e7']);
});
