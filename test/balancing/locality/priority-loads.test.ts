import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { healthOf, type Level, panicOf, priorityLoads, proportionalLoads } from '../../../src/balancing/locality/priority-loads.js';

/** Levels of 100 endpoints with so many of them available, as Envoy's documentation writes them. */
function percent(...available: readonly number[]): Level[] {
  return available.map((each) => ({ available: each, total: 100 }));
}

/** Loads and panic as Envoy has them: where all levels are in panic, a level gets as much as it is large. */
function priorityPlan(levels: readonly Level[], overprovisioning: number, panicRatio: number): { loads: number[]; panic: boolean[] } {
  const panic = panicOf(levels, overprovisioning, panicRatio);
  const inTotalPanic = panic.every((each) => each);
  const loads = inTotalPanic ? proportionalLoads(levels.map(({ total }) => total)) : priorityLoads(levels, overprovisioning);
  return { loads, panic };
}

/** Levels as Envoy's tests write them: endpoints and available ones, in turn. */
function levels(...pairs: readonly (readonly [total: number, available: number])[]): Level[] {
  return pairs.map(([total, available]) => ({ total, available }));
}

describe('the loads of priorities', () => {
  test("are those of Envoy's documentation, to the integer", () => {
    for (const [available, loads] of [
      [
        [100, 100],
        [100, 0],
      ],
      [
        [72, 100],
        [100, 0],
      ],
      [
        [71, 100],
        [99, 1],
      ],
      [
        [50, 100],
        [70, 30],
      ],
      [
        [25, 100],
        [35, 65],
      ],
      [
        [0, 100],
        [0, 100],
      ],
      [
        [72, 72],
        [100, 0],
      ],
      [
        [71, 71],
        [99, 1],
      ],
      [
        [50, 50],
        [70, 30],
      ],
      [
        [25, 25],
        [50, 50],
      ],
      [
        [100, 100, 100],
        [100, 0, 0],
      ],
      [
        [72, 72, 100],
        [100, 0, 0],
      ],
      [
        [71, 71, 100],
        [99, 1, 0],
      ],
      [
        [50, 50, 100],
        [70, 30, 0],
      ],
      [
        [25, 100, 100],
        [35, 65, 0],
      ],
      [
        [25, 25, 100],
        [35, 35, 30],
      ],
    ] as const) {
      assert.deepEqual(priorityLoads(percent(...available), 1.4), loads, String(available));
    }
  });

  test("give what rounding leaves to the first with health, as Envoy's code does where its documentation rounds otherwise", () => {
    assert.deepEqual(priorityLoads(percent(25, 25, 20), 1.4), [37, 35, 28]); // documented as 36, 36, 28
    assert.deepEqual(priorityLoads(percent(5, 65), 1.4), [8, 92]); // documented as 7, 93
    assert.deepEqual(priorityLoads(levels([5, 1], [5, 1], [5, 1]), 1.4), [34, 33, 33]);
    assert.deepEqual(priorityLoads(levels([5, 0], [5, 2], [5, 1]), 1.4), [0, 67, 33]);
  });

  test('follow the overprovisioning factor, which is whole per cent', () => {
    assert.deepEqual(priorityLoads(levels([4, 2], [4, 2]), 1.4), [70, 30]);
    assert.deepEqual(priorityLoads(levels([4, 2], [4, 2]), 1), [50, 50]);
    assert.deepEqual(healthOf(levels([10, 9], [11, 10], [3, 0], [0, 0]), 1.1), [99, 100, 0, 0]);
  });

  test('go to the first priority where nothing is available, as they have to go somewhere', () => {
    assert.deepEqual(priorityLoads(percent(0, 0), 1.4), [100, 0]);
    assert.deepEqual(priorityLoads([], 1.4), []);
  });

  test('add up to 100, spare those without health, and do not fall when one more endpoint can be picked', () => {
    const level = fc.nat(60).chain((total) => fc.record({ total: fc.constant(total), available: fc.nat(total) }));
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 1, maxLength: 6 }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        fc.nat(),
        (given, factor, at) => {
          const loads = priorityLoads(given, factor);
          const health = healthOf(given, factor);
          assert.equal(
            loads.reduce((sum, load) => sum + load, 0),
            100,
          );
          for (const load of loads) assert.ok(Number.isInteger(load) && load >= 0);
          if (health.some((each) => each > 0)) {
            loads.forEach((load, index) => {
              if (health[index] === 0) assert.equal(load, 0, `level ${index} of ${JSON.stringify(given)}`);
            });
          }
          const index = at % given.length;
          const one = given[index];
          assert.ok(one);
          if (one.available === one.total || health.every((each) => each === 0)) return;
          const better = priorityLoads(given.with(index, { ...one, available: one.available + 1 }), factor);
          // The first with health has what the others' rounding left, less than a per cent from each, and may lose that.
          const rounding = index === health.findIndex((each) => each > 0) ? given.length - 1 : 0;
          assert.ok((better[index] ?? 0) >= (loads[index] ?? 0) - rounding, `${loads} became ${better}`);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('never send traffic past a priority that is whole', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { minLength: 2, maxLength: 5 }), fc.nat(4), (available, at) => {
        const whole = at % available.length;
        const loads = priorityLoads(percent(...available.with(whole, 72)), 1.4);
        for (const load of loads.slice(whole + 1)) assert.equal(load, 0);
      }),
    );
  });
});

describe('panic', () => {
  test("begins where Envoy's documentation says: below half, and only if all levels together are not whole", () => {
    for (const [available, panic] of [
      [
        [72, 100],
        [false, false],
      ],
      [
        [25, 100],
        [false, false],
      ],
      [
        [0, 100],
        [false, false],
      ],
      [
        [72, 72],
        [false, false],
      ],
      [
        [71, 71],
        [false, false],
      ],
      [
        [50, 60],
        [false, false],
      ],
      [
        [25, 100],
        [false, false],
      ],
      [
        [25, 25],
        [true, true],
      ],
      [
        [5, 65],
        [true, false],
      ],
    ] as const) {
      assert.deepEqual(panicOf(percent(...available), 1.4, 0.5), panic, String(available));
    }
    assert.deepEqual(panicOf(percent(50), 1.4, 0.5), [false]);
    assert.deepEqual(panicOf(percent(49), 1.4, 0.5), [true]);
  });

  test('never begins with a ratio of 0', () => {
    assert.deepEqual(panicOf(percent(0, 0, 3), 1.4, 0), [false, false, false]);
    assert.deepEqual(priorityPlan(percent(0, 0), 1.4, 0).loads, [100, 0]);
  });

  test("leads to the loads of Envoy's own tests, to the integer", () => {
    for (const [given, loads, panic] of [
      [levels([1, 0], [1, 0]), [50, 50], [true, true]],
      [levels([1, 0], [2, 0]), [34, 66], [true, true]],
      [levels([1, 0], [2, 0], [1, 1]), [0, 0, 100], [false, false, false]],
      [levels([1, 1], [2, 0], [1, 1]), [100, 0, 0], [false, false, false]],
      [levels([4, 1], [2, 2]), [35, 65], [false, false]],
      [levels([4, 1], [4, 1]), [50, 50], [true, true]],
      [levels([4, 0], [4, 1]), [50, 50], [true, true]],
      [levels([2, 1], [2, 1], [2, 1]), [70, 30, 0], [false, false, false]],
      [levels([4, 1], [4, 1], [4, 1]), [35, 35, 30], [false, false, false]],
      [levels([5, 1], [5, 1], [5, 1]), [34, 33, 33], [true, true, true]],
      [levels([5, 0], [5, 0], [5, 5]), [0, 0, 100], [false, false, false]],
      [levels([5, 0], [5, 0], [5, 4]), [0, 0, 100], [false, false, false]],
      [levels([5, 0], [5, 0], [5, 2]), [34, 33, 33], [true, true, true]],
      [levels([5, 0], [3, 0], [2, 0]), [50, 30, 20], [true, true, true]],
      [levels([5, 0], [6, 2], [3, 1]), [37, 42, 21], [true, true, true]],
      [levels([0, 0], [6, 0], [3, 0]), [0, 67, 33], [true, true, true]],
      [levels([3, 0], [3, 0], [3, 0]), [34, 33, 33], [true, true, true]],
    ] as const) {
      assert.deepEqual(priorityPlan(given, 1.4, 0.5), { loads, panic }, JSON.stringify(given));
    }
  });

  test('loads in proportion to sizes add up to 100 and leave empty levels out', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 }), (counts) => {
        const loads = proportionalLoads(counts);
        assert.equal(
          loads.reduce((sum, load) => sum + load, 0),
          100,
        );
        if (counts.every((count) => count === 0)) return;
        loads.forEach((load, index) => {
          if (counts[index] === 0) assert.equal(load, 0);
        });
      }),
    );
  });
});
