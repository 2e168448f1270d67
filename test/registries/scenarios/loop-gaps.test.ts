import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureLoopGaps } from './loop-gaps.js';

/** Long, so that what else a busy machine does is shorter. */
const HELD_MS = 200;
/** Far less than it is held, far more than there is to do besides. */
const HALF_MS = HELD_MS / 2;

describe('what holds the event loop', () => {
  it('is the program itself where it computes', async () => {
    const measurement = measureLoopGaps();
    const before = process.cpuUsage();
    for (let used = 0; used < 1_000 * HELD_MS; used = ofUser(before)) Math.sqrt(used);
    const { busiest } = await measurement.end();
    assert.ok(busiest.ownMs > HALF_MS, JSON.stringify(busiest));
    assert.ok(busiest.wallMs >= busiest.ownMs, JSON.stringify(busiest));
  });

  it('is somebody else where the thread sleeps', { skip: process.platform !== 'linux' && 'only Linux tells' }, async () => {
    const measurement = measureLoopGaps();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HELD_MS);
    const { longest } = await measurement.end();
    assert.ok(longest.wallMs >= HELD_MS, JSON.stringify(longest));
    assert.ok(longest.ownMs < HALF_MS, JSON.stringify(longest));
    assert.ok(longest.blockedMs > HALF_MS, JSON.stringify(longest));
  });

  it('names the garbage collections in it', async () => {
    const measurement = measureLoopGaps();
    const kept: number[][] = [];
    // 40 MB are more than the young space takes.
    while (kept.length < 5_000) kept.push(Array.from({ length: 1_000 }, (_, index) => index + kept.length / 2));
    const { longest } = await measurement.end();
    assert.ok(
      longest.collections.some((each) => each.startsWith('scavenge')),
      `${kept.length}: ${JSON.stringify(longest)}`,
    );
  });

  it('is nobody while nothing is due', async () => {
    const measurement = measureLoopGaps();
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
    const { longest, busiest } = await measurement.end();
    assert.ok(busiest.ownMs < HALF_MS, JSON.stringify(busiest));
    assert.ok(longest.wallMs > 0, JSON.stringify(longest));
  });
});

function ofUser(before: NodeJS.CpuUsage): number {
  return process.cpuUsage(before).user;
}
