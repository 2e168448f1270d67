import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBucket } from '../../../src/registries/consul/token-bucket.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

describe('a token bucket', () => {
  it('gives two at once and then one in each interval, however long it was left alone', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket(clock, 100, 2);
    const { signal } = new AbortController();
    await clock.advance(10_000);
    const times: number[] = [];
    const startMs = clock.now();
    const taking = (async () => {
      for (let i = 0; i < 5; i++) {
        await bucket.take(signal);
        times.push(Math.round(clock.now() - startMs));
      }
    })();
    for (let i = 0; i < 40; i++) await clock.advance(10);
    await taking;
    assert.deepEqual(times, [0, 0, 100, 200, 300]);
  });

  it('leaves no timer when whoever waits gives up', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket(clock, 100, 1);
    const controller = new AbortController();
    await bucket.take(controller.signal);
    const taken = bucket.take(controller.signal);
    controller.abort(new Error('stopped'));
    await assert.rejects(taken, /stopped/);
    assert.equal(clock.pendingTimers, 0);
  });
});
