import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { Endpoint } from '../../src/core/endpoint.js';
import type { Shutter } from '../../src/core/gate.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { aCall, cellsOf, endpointOf, pickerFor, settled, sharesOf, viewOf, weightedView } from './endpoints.js';
import { everyBalancer } from './every-balancer.js';
import { reported } from './load-reports/reports.js';

/** What holds for every balancer. */

const pickGarbage = fileURLToPath(new URL('./pick-garbage.js', import.meta.url));

/** One thing that happens to a service's endpoints. Indices are taken modulo what there is. */
const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      weight: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), index: fc.nat(50) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('shut' as const),
      index: fc.nat(50),
      reason: fc.constantFrom('broken' as const, 'busy' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), index: fc.nat(50) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pick' as const),
      latencyMs: fc.integer({ min: 0, max: 900 }),
      end: fc.constantFrom('success' as const, 'failure' as const, 'report' as const),
    }),
  },
);

for (const [name, make] of Object.entries(everyBalancer)) {
  describe(name, () => {
    test('never picks an endpoint that is shut, removed or of a lower priority, and always picks one if there is one', () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 120, size: 'max' }), fc.nat(), (changes, seed) => {
          const view = viewOf();
          const picker = pickerFor(make(), view, seededRandom(seed));
          const present: { endpoint: Endpoint; shutter: Shutter; shut: boolean }[] = [];
          let nowMs = 0;
          let added = 0;
          for (const each of changes) {
            nowMs += 10;
            if (each.kind === 'add') {
              const endpoint = endpointOf(added++, { weight: each.weight, priority: each.priority });
              view.add(endpoint);
              present.push({ endpoint, shutter: view.shutterFor(endpoint), shut: false });
            } else if (each.kind === 'pick') {
              const open = present.filter(({ shut }) => !shut);
              const priority = Math.min(...open.map(({ endpoint }) => endpoint.instance.priority));
              const allowed = open.map(({ endpoint }) => endpoint).filter(({ instance }) => instance.priority === priority);
              const endpoint = picker.pick(view, aCall, nowMs);
              if (endpoint === undefined) {
                assert.equal(allowed.length, 0);
                continue;
              }
              assert.ok(allowed.includes(endpoint), endpoint.id);
              if (each.end === 'report') reported(picker, endpoint, `TEXT named_metrics.rif=${each.latencyMs % 4}`, nowMs);
              else settled(picker, endpoint, each.end, each.latencyMs, nowMs);
            } else if (present.length > 0) {
              const index = each.index % present.length;
              const target = present[index];
              assert.ok(target);
              if (each.kind === 'remove') {
                view.remove(target.endpoint);
                present.splice(index, 1);
              } else if (each.kind === 'shut') {
                target.shutter.shut(each.reason);
                target.shut = true;
              } else {
                target.shutter.open();
                target.shut = false;
              }
            }
          }
        }),
        { numRuns: 60 },
      );
    });

    test('picks the same endpoints again with the same seed', () => {
      const sequence = () => {
        const { view } = weightedView([1, 2, 3, 4, 5, 6]);
        const picker = pickerFor(make(), view, seededRandom(99));
        return Array.from({ length: 100 }, () => picker.pick(view, aCall, 0)?.id);
      };
      assert.deepEqual(sequence(), sequence());
    });

    test('remembers an endpoint in its cells alone: a removed one that comes back is unknown, any other unchanged', () => {
      const { view, endpoints } = weightedView([1, 1, 1]);
      const [first, second] = endpoints;
      assert.ok(first && second);
      const picker = pickerFor(make(), view);
      for (const endpoint of endpoints) settled(picker, endpoint, 'failure', 50, 10);
      const before = cellsOf(view, second);
      view.remove(first);
      view.add(first);
      assert.deepEqual(cellsOf(view, first), { inFlight: 0, load: 0, stampMs: 0 });
      assert.deepEqual(cellsOf(view, second), before);
    });

    test('allocates nothing on a pick, beyond what the source of chance does', async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', pickGarbage, name]);
      const bytes = Number(stdout);
      assert.ok(bytes < 2, `${stdout} bytes a pick`);
    });

    test('leaves no endpoint of a new list out', () => {
      const { view } = weightedView([1, 1, 1]);
      assert.equal(sharesOf(pickerFor(make(), view), view, 300).size, 3);
    });
  });
}
