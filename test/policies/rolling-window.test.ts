import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RollingWindow } from '../../src/policies/rolling-window.js';

const counted = (window: RollingWindow) => [window.successes, window.failures];

describe('a rolling window', () => {
  it('forgets with the time that passes, and not with what is counted', () => {
    const window = new RollingWindow(10_000);
    for (let i = 0; i < 20; i++) window.failure(500);
    window.expire(9_999);
    assert.deepEqual(counted(window), [0, 20]);
    window.expire(10_000);
    assert.deepEqual(counted(window), [0, 0]);
    window.failure(500_000);
    window.success(3_600_000);
    assert.deepEqual(counted(window), [1, 0]);
  });

  it('forgets bucket by bucket', () => {
    const window = new RollingWindow(1_000);
    for (let ms = 0; ms < 1_000; ms += 100) window.failure(ms);
    window.success(1_050);
    assert.deepEqual(counted(window), [1, 9]);
    window.success(1_350);
    assert.deepEqual(counted(window), [2, 6]);
  });

  it('turns the newest success into a failure when it was none after all', () => {
    const window = new RollingWindow(1_000);
    window.success(0);
    window.success(150);
    window.recant(420);
    assert.deepEqual(counted(window), [1, 1]);
    window.expire(1_100);
    assert.deepEqual(counted(window), [0, 1]);
    window.recant(1_200);
    assert.deepEqual(counted(window), [0, 2]);
  });

  it('counts what a list of everything would count, for any sequence', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (todo) => {
        const window = new RollingWindow(1_000);
        const all: { readonly bucket: number; readonly failed: boolean }[] = [];
        let nowMs = 0;
        for (const [passedMs, failed] of todo) {
          nowMs += passedMs;
          if (failed) window.failure(nowMs);
          else window.success(nowMs);
          const bucket = Math.floor(nowMs / 100);
          all.push({ bucket, failed });
          const alive = all.filter((each) => each.bucket > bucket - 10);
          assert.deepEqual(counted(window), [alive.filter((each) => !each.failed).length, alive.filter((each) => each.failed).length]);
        }
      }),
    );
  });
});
