import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness } from '../../../src/registries/zookeeper/liveness.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

function pingsIn(ms: number, chance: number): Promise<number[]> {
  const clock = new VirtualClock();
  const pings: number[] = [];
  const liveness = new Liveness({
    clock,
    random: { next: () => chance },
    requestTimeoutMs: 10_000,
    ping: () => pings.push(clock.now()),
    silent: () => assert.fail('nothing was asked'),
  });
  liveness.pingWithin(30_000);
  return clock.advance(ms).then(() => {
    liveness.stop();
    assert.equal(clock.pendingTimers, 0);
    return pings;
  });
}

describe("ZooKeeper's pings", () => {
  it('come three times in the time of a session', async () => {
    assert.deepEqual(await pingsIn(30_000, 0), [10_000, 20_000, 30_000]);
  });

  it('come somewhat earlier by chance, so that a fleet which connected together does not ping together', async () => {
    assert.deepEqual(await pingsIn(30_000, 0.5), [9_000, 18_000, 27_000]);
  });
});
