import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness } from '../../../src/registries/consul/liveness.js';
import { TokenBucket } from '../../../src/registries/consul/token-bucket.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

function liveness() {
  const clock = new VirtualClock();
  const probes: string[] = [];
  let outcome: () => Promise<void> = async () => {};
  const under = new Liveness(clock, 30_000, (server) => {
    probes.push(server);
    return outcome();
  });
  return {
    clock,
    probes,
    under,
    answerWith: (next: () => Promise<void>) => {
      outcome = next;
    },
  };
}

describe('the watch on silent agents', () => {
  it('asks each of them once for as long as nothing is heard, and not at all while something is', async () => {
    const { clock, probes, under } = liveness();
    under.waitFor('a', () => assert.fail());
    under.waitFor('a', () => assert.fail());
    under.waitFor('b', () => assert.fail());
    for (let i = 0; i < 6; i++) {
      await clock.advance(15_000);
      under.heard('b');
    }
    assert.deepEqual(probes, ['a', 'a', 'a']);
  });

  it('tells everybody who waits for the one that does not answer', async () => {
    const { clock, under, answerWith } = liveness();
    const told: string[] = [];
    under.waitFor('a', (error) => told.push(`1 ${String(error)}`));
    under.waitFor('a', (error) => told.push(`2 ${String(error)}`));
    answerWith(() => Promise.reject('silence'));
    await clock.advance(30_000);
    assert.deepEqual(told, ['1 silence', '2 silence']);
  });

  it('has no timer when nobody waits', async () => {
    const { clock, probes, under } = liveness();
    const leave = under.waitFor('a', () => assert.fail());
    assert.equal(clock.pendingTimers, 1);
    leave();
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(100_000);
    assert.deepEqual(probes, []);
  });
});

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
