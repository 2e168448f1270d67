import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReportPool } from '../../../src/balancing/prequal/report-pool.js';
import { ReuseBudget } from '../../../src/balancing/prequal/reuse-budget.js';
import { UsualInFlight } from '../../../src/balancing/prequal/usual-in-flight.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { weightedView } from '../endpoints.js';

const OFTEN = Number.POSITIVE_INFINITY;

function poolOf(capacity: number, endpoints = 8) {
  const { view, endpoints: all } = weightedView(Array.from({ length: endpoints }, () => 1));
  return { pool: new ReportPool(capacity, 1_000), view, endpoints: all };
}

describe('the pool of reports', () => {
  test('gives the cold endpoint with the lowest latency', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 1, 30, OFTEN, 0);
    pool.put(1, 2, 10, OFTEN, 0);
    pool.put(2, 9, 1, OFTEN, 0);
    assert.equal(pool.choose(view, { threshold: 2 }, 0), 1);
  });

  test('gives the one with the fewest requests in flight where all are hot', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 7, 1, OFTEN, 0);
    pool.put(1, 5, 90, OFTEN, 0);
    pool.put(2, 6, 2, OFTEN, 0);
    assert.equal(pool.choose(view, { threshold: 2 }, 0), 1);
  });

  test('counts a request that went by a report to what the report says', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 1, 10, OFTEN, 0);
    pool.put(1, 1, 20, OFTEN, 0);
    // The one that was taken is hot from then on. Once both are, they have turns.
    assert.deepEqual([pool.choose(view, { threshold: 1 }, 0), pool.choose(view, { threshold: 1 }, 0)], [0, 1]);
    const turns = Array.from({ length: 100 }, () => pool.choose(view, { threshold: 1 }, 0));
    assert.equal(turns.filter((slot) => slot === 0).length, 50);
  });

  test('counts it to the latency, which grows with what is in flight', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 0, 10, OFTEN, 0);
    pool.put(1, 0, 25, OFTEN, 0);
    // 10, 20, then 25 before 30, then 30, 40 and 50 each time before what comes next.
    const order = Array.from({ length: 6 }, () => pool.choose(view, { threshold: 99 }, 0));
    assert.deepEqual(order.slice(0, 5), [0, 0, 1, 0, 0]);
  });

  test('takes a report out after its last use', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 0, 10, 2, 0);
    pool.put(1, 0, 30, OFTEN, 0);
    pool.put(2, 0, 40, OFTEN, 0);
    assert.deepEqual(
      [pool.choose(view, { threshold: 9 }, 0), pool.choose(view, { threshold: 9 }, 0), pool.choose(view, { threshold: 9 }, 0)],
      [0, 0, 1],
    );
    assert.equal(pool.size, 2);
  });

  test('gives nothing with fewer than two reports, or with fewer than two that are fresh, or of endpoints that can be picked', () => {
    const { pool, view, endpoints } = poolOf(4);
    assert.equal(pool.choose(view, { threshold: 9 }, 0), -1);
    pool.put(0, 0, 10, OFTEN, 0);
    assert.equal(pool.choose(view, { threshold: 9 }, 0), -1);
    pool.put(1, 0, 10, OFTEN, 500);
    assert.notEqual(pool.choose(view, { threshold: 9 }, 1_000), -1);
    assert.equal(pool.choose(view, { threshold: 9 }, 1_001), -1);
    assert.equal(pool.size, 1);
    pool.put(2, 0, 10, OFTEN, 1_001);
    const [, , third] = endpoints;
    assert.ok(third);
    const shutter = view.shutterFor(third);
    shutter.shut('busy');
    assert.equal(pool.choose(view, { threshold: 9 }, 1_001), -1);
    shutter.open();
    third.retryAfterMs = 1_100;
    assert.equal(pool.choose(view, { threshold: 9 }, 1_001), -1);
    assert.notEqual(pool.choose(view, { threshold: 9 }, 1_101), -1);
  });

  test('keeps one report of an endpoint, the latest', () => {
    const { pool, view } = poolOf(4);
    pool.put(0, 0, 10, OFTEN, 0);
    pool.put(1, 0, 20, OFTEN, 0);
    pool.put(0, 0, 30, OFTEN, 1);
    assert.equal(pool.size, 2);
    assert.equal(pool.choose(view, { threshold: 9 }, 1), 1);
  });

  test('has room for so many, and lets the oldest go', () => {
    const { pool, view } = poolOf(3);
    for (const slot of [0, 1, 2, 3]) pool.put(slot, 0, 10 + slot, OFTEN, slot);
    assert.equal(pool.size, 3);
    assert.equal(pool.choose(view, { threshold: 9 }, 4), 1);
  });

  test('is thinned out by the oldest and the worst in turn, down to two', () => {
    const { pool, view } = poolOf(8);
    for (const slot of [0, 1, 2, 3, 4]) pool.put(slot, slot, 10, OFTEN, slot);
    pool.thinOut({ threshold: 2 }); // the oldest: 0
    pool.thinOut({ threshold: 2 }); // the worst, which is the hottest: 4
    pool.thinOut({ threshold: 2 }); // the oldest: 1
    pool.thinOut({ threshold: 2 });
    assert.equal(pool.size, 2);
    assert.equal(pool.choose(view, { threshold: 2 }, 5), 2);
    pool.drop(3);
    assert.equal(pool.choose(view, { threshold: 2 }, 5), -1);
  });

  test('takes the slowest for the worst where none is hot', () => {
    const { pool, view } = poolOf(8);
    for (const [slot, latencyMs] of [30, 10, 40, 20].entries()) pool.put(slot, 1, latencyMs, OFTEN, slot);
    pool.thinOut({ threshold: 2 }); // the oldest: 0
    pool.thinOut({ threshold: 2 }); // the worst: 2
    pool.drop(1);
    pool.put(5, 1, 90, OFTEN, 5);
    assert.equal(pool.choose(view, { threshold: 2 }, 5), 3);
  });

  test('chooses as a plain reading of the rule does, whatever happened before', () => {
    interface Entry {
      slot: number;
      inFlight: number;
      latencyMs: number;
      stampMs: number;
      uses: number;
    }
    const step = fc.record({
      slot: fc.nat(7),
      inFlight: fc.nat(6),
      latencyMs: fc.integer({ min: 1, max: 1_000_000 }),
      uses: fc.integer({ min: 1, max: 3 }),
      waitMs: fc.nat(400),
      kind: fc.constantFrom('put', 'put', 'choose', 'drop'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { pool, view } = poolOf(4);
        let entries: Entry[] = [];
        let nowMs = 0;
        for (const { kind, waitMs, ...entry } of steps) {
          // No two at the same time: the oldest is then one.
          nowMs += waitMs + 1;
          if (kind === 'drop') {
            pool.drop(entry.slot);
            entries = entries.filter(({ slot }) => slot !== entry.slot);
          } else if (kind === 'put') {
            pool.put(entry.slot, entry.inFlight, entry.latencyMs, entry.uses, nowMs);
            entries = [...entries.filter(({ slot }) => slot !== entry.slot), { ...entry, stampMs: nowMs }].slice(-4);
          } else {
            entries = entries.filter(({ stampMs }) => nowMs - stampMs <= 1_000);
            const cold = entries.filter(({ inFlight }) => inFlight <= 3);
            const lowest = (of: Entry[], key: 'latencyMs' | 'inFlight') => Math.min(...of.map((each) => each[key]));
            const best =
              cold.length > 0
                ? cold.filter(({ latencyMs }) => latencyMs === lowest(cold, 'latencyMs'))
                : entries.filter(({ inFlight }) => inFlight === lowest(entries, 'inFlight'));
            const slot = pool.choose(view, { threshold: 3 }, nowMs);
            if (entries.length < 2) {
              assert.equal(slot, -1);
              continue;
            }
            const chosen = best.find((each) => each.slot === slot);
            assert.ok(chosen !== undefined, `${slot} of ${JSON.stringify(entries)}`);
            chosen.inFlight++;
            chosen.latencyMs = (chosen.latencyMs * (chosen.inFlight + 1)) / chosen.inFlight;
            if (--chosen.uses === 0) entries = entries.filter((each) => each !== chosen);
          }
          assert.equal(pool.size >= entries.length, true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the reuse budget', () => {
  /** How often a report may be used, on average. */
  function usesWith(probes: number, removes: number, endpoints: number, reportsPerPick = probes): number {
    const budget = new ReuseBudget(16, probes, removes, seededRandom(3));
    let sum = 0;
    let reports = 0;
    for (let picks = 0; picks < 20_000; picks++) {
      budget.picked();
      for (; reports < picks * reportsPerPick; reports++) {
        const uses = budget.reported(endpoints);
        assert.ok(Number.isInteger(uses) || uses === OFTEN);
        sum += uses;
      }
    }
    return sum / reports;
  }

  test('is what the paper works out, on average', () => {
    for (const [probes, removes, published] of [
      [3, 1, 1.32],
      [1, 0.25, 3.39],
      [0.5, 0.25, 11.8],
    ] as const) {
      const uses = usesWith(probes, removes, 100);
      assert.ok(Math.abs(uses - published) < 0.05 * published, `${uses} for ${published}`);
    }
  });

  test('is by the reports that came, and not by the probes that were sent', () => {
    const uses = usesWith(1, 0.25, 100, 3);
    const meant = 2 / (0.84 * 3 - 0.25);
    assert.ok(Math.abs(uses - Math.max(1, meant)) < 0.05, `${uses} for ${meant}`);
  });

  test('is one at least, and without end where every endpoint has a place', () => {
    assert.equal(usesWith(10, 1, 100), 1);
    assert.equal(usesWith(1, 0.3, 16), OFTEN);
    assert.equal(usesWith(1, 0.3, 3), OFTEN);
  });
});

describe('what is usually in flight', () => {
  test('is the quantile of the last 64 reports', () => {
    const usual = new UsualInFlight(0.75);
    for (let i = 0; i < 64; i++) usual.note(1_000);
    for (let i = 0; i < 64; i++) usual.note((i * 37) % 64);
    // Three quarters of 0 to 63.
    assert.equal(usual.threshold, 47);
  });

  test('counts from the first report on', () => {
    const usual = new UsualInFlight(0.5);
    usual.note(4);
    assert.equal(usual.threshold, 4);
    usual.note(2);
    assert.equal(usual.threshold, 2);
    usual.note(9);
    assert.equal(usual.threshold, 4);
  });

  test('makes nobody hot with the quantile 1, and all but the idlest with 0', () => {
    const [most, least] = [new UsualInFlight(1), new UsualInFlight(0)];
    for (const inFlight of [3, 8, 5, 1, 2, 9, 4, 7]) {
      most.note(inFlight);
      least.note(inFlight);
    }
    assert.equal(most.threshold, 9);
    assert.equal(least.threshold, 1);
  });
});
