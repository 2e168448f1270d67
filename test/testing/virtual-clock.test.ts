import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VirtualClock } from '../../src/testing/index.js';

describe('VirtualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.setTimer(() => fired++, 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.now(), 0);
    assert.equal(fired, 0);
    await clock.advance(0.5);
    assert.equal(fired, 0);
    await clock.advance(0.5);
    assert.equal(fired, 1);
    assert.equal(clock.now(), 1);
  });

  it('fires timers in the order of their times, those of one time in the order in which they were set', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    for (const [name, ms] of [
      ['c', 30],
      ['a', 10],
      ['b1', 20],
      ['b2', 20],
      ['now', 0],
      ['past', -5],
    ] as const) {
      clock.setTimer(() => fired.push(`${name} at ${clock.now()}`), ms);
    }
    await clock.advance(25);
    assert.deepEqual(fired, ['now at 0', 'past at 0', 'a at 10', 'b1 at 20', 'b2 at 20']);
    assert.equal(clock.now(), 25);
    await clock.advance(5);
    assert.equal(fired.at(-1), 'c at 30');
  });

  it('lets everything follow from a timer before the next one fires, timers that it sets included', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.setTimer(async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      log.push(`settled at ${clock.now()}`);
      clock.setTimer(() => log.push(`set within, at ${clock.now()}`), 5);
    }, 10);
    clock.setTimer(() => log.push(`next at ${clock.now()}`), 20);
    await clock.advance(100);
    assert.deepEqual(log, ['settled at 10', 'set within, at 15', 'next at 20']);
  });

  it('forgets timers that were called off, also by one that fires at the same time', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const doomed = () => second.cancel();
    clock.setTimer(doomed, 10);
    const second = clock.setTimer(() => fired.push('second'), 10);
    clock.setTimer(() => fired.push('third'), 10).cancel();
    assert.equal(clock.pendingTimers, 2);
    await clock.advance(10);
    assert.deepEqual(fired, []);
    assert.equal(clock.pendingTimers, 0);
    second.cancel();
    second.ref();
    second.unref();
  });

  it('shows a wall clock that can be set, and goes on from there', async () => {
    const clock = new VirtualClock({ wallTimeMs: 1_000_000 });
    assert.equal(new VirtualClock().wallTime(), Date.UTC(2026, 0, 1));
    await clock.advance(500);
    assert.equal(clock.wallTime(), 1_000_500);
    clock.setWallTime(0);
    await clock.advance(7);
    assert.equal(clock.wallTime(), 7);
    assert.equal(clock.now(), 507);
  });

  it('lets what is due now happen without time going on', async () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.setTimer(() => fired++, 0);
    await clock.settle();
    assert.equal(fired, 1);
    assert.equal(clock.now(), 0);
  });

  it('can be moved by two at once, each by its own time, and never goes back', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    for (const ms of [5, 10, 15, 20]) clock.setTimer(() => seen.push(clock.now()), ms);
    await Promise.all([clock.advance(20), clock.advance(10)]);
    assert.equal(clock.now(), 20);
    assert.deepEqual(seen, [5, 10, 15, 20]);
  });

  it('fires each timer once and at its own time, whatever the times and the steps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 10 }),
        async (delays, moves) => {
          const clock = new VirtualClock();
          const fired: [number, number][] = [];
          for (const delayMs of delays) clock.setTimer(() => fired.push([delayMs, clock.now()]), delayMs);
          for (const ms of moves) await clock.advance(ms);
          const now = moves.reduce((sum, ms) => sum + ms, 0);
          assert.equal(clock.now(), now);
          assert.deepEqual(
            fired,
            delays
              .filter((ms) => ms <= now)
              .sort((a, b) => a - b)
              .map((ms) => [ms, ms]),
          );
          assert.equal(clock.pendingTimers, delays.filter((ms) => ms > now).length);
        },
      ),
      { numRuns: 50 },
    );
  });
});
