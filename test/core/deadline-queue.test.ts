import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Deadline, DeadlineQueue } from '../../src/core/deadline-queue.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

function setUp() {
  const clock = new VirtualClock();
  const queue = new DeadlineQueue(clock);
  const fired: { name: string; atMs: number }[] = [];
  const owner = { expired: (name: string) => fired.push({ name, atMs: clock.now() }) };
  const set = (name: string, delayMs: number) => queue.set(delayMs, clock.now(), owner, name);
  return { clock, queue, fired, set };
}

describe('DeadlineQueue', () => {
  it('tells the owner of a deadline that passed, and only once', async () => {
    const { clock, fired, set } = setUp();
    set('a', 50);
    await clock.advance(49);
    assert.deepEqual(fired, []);
    await clock.advance(1_000);
    assert.deepEqual(fired, [{ name: 'a', atMs: 50 }]);
  });

  it('forgets a deadline that was called off', async () => {
    const { clock, fired, set } = setUp();
    const first = set('a', 50);
    set('b', 50);
    const last = set('c', 50);
    first.cancel();
    last.cancel();
    last.cancel();
    await clock.advance(100);
    assert.deepEqual(
      fired.map(({ name }) => name),
      ['b'],
    );
  });

  it('keeps one timer, however many deadlines there are', () => {
    const { clock, set } = setUp();
    for (let i = 0; i < 1_000; i++) set(`${i}`, 30_000 - i);
    set('soon', 10);
    assert.equal(clock.pendingTimers, 1);
  });

  it('serves a nearer deadline that was set later', async () => {
    const { clock, fired, set } = setUp();
    set('late', 10_000);
    set('soon', 100);
    await clock.advance(200);
    assert.deepEqual(
      fired.map(({ name }) => name),
      ['soon'],
    );
    await clock.advance(20_000);
    assert.deepEqual(
      fired.map(({ name }) => name),
      ['soon', 'late'],
    );
  });

  it('takes new deadlines from an owner that is being told', async () => {
    const clock = new VirtualClock();
    const queue = new DeadlineQueue(clock);
    const atMs: number[] = [];
    const owner = {
      expired(left: number) {
        atMs.push(clock.now());
        if (left > 0) queue.set(10, clock.now(), owner, left - 1);
      },
    };
    queue.set(10, 0, owner, 2);
    await clock.advance(100);
    assert.deepEqual(atMs, [10, 20, 30]);
  });

  it('leaves no timer when it is closed', async () => {
    const { clock, queue, fired, set } = setUp();
    set('a', 10);
    queue.close();
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(100);
    assert.deepEqual(fired, []);
  });

  it('is never early, and at most 1/64 of the delay or 1 ms late', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ delayMs: fc.integer({ min: 1, max: 100_000 }), startMs: fc.integer({ min: 0, max: 5_000 }), off: fc.boolean() }),
          { maxLength: 40 },
        ),
        async (plans) => {
          const { clock, fired, set } = setUp();
          const expected = new Map<string, number>();
          let elapsedMs = 0;
          const deadlines: { deadline: Deadline; off: boolean }[] = [];
          for (const [index, { delayMs, startMs, off }] of [...plans].sort((a, b) => a.startMs - b.startMs).entries()) {
            await clock.advance(startMs - elapsedMs);
            elapsedMs = startMs;
            const deadline = set(`${index}`, delayMs);
            deadlines.push({ deadline, off });
            if (off) deadline.cancel();
            else expected.set(`${index}`, startMs + delayMs);
          }
          await clock.advance(200_000);
          assert.equal(fired.length, expected.size);
          for (const { name, atMs } of fired) {
            const dueMs = expected.get(name) ?? Number.NaN;
            assert.ok(atMs >= dueMs, `${name} came ${dueMs - atMs} ms early`);
            assert.ok(atMs - dueMs <= 1 + 100_000 / 64, `${name} came ${atMs - dueMs} ms late`);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
