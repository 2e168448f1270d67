import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeanTimes } from '../../../src/balancing/adaptive/mean-times.js';
import { SpeedShares } from '../../../src/balancing/adaptive/speed-shares.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { isShare, weightedView } from '../endpoints.js';

/** Endpoints whose every answer took so long; 0 for one that never answered. */
function measured(times: readonly number[]) {
  const { view } = weightedView(times.map(() => 1));
  const speeds = new SpeedShares();
  const means = new MeanTimes();
  const random = seededRandom(7);
  for (const [slot, ms] of times.entries()) {
    means.clear(slot);
    for (let answer = 0; ms > 0 && answer < 5; answer++) means.learn(slot, ms);
  }
  speeds.review(view, means, random);
  /** How often each is drawn. */
  const drawn = (draws: number): number[] => {
    const counts = times.map(() => 0);
    for (let draw = 0; draw < draws; draw++) {
      // A share of 0.44 has four tickets or five, by chance.
      if (draw % 10 === 0) speeds.review(view, means, random);
      const slot = speeds.drum[Math.floor(random.next() * speeds.tickets)] as number;
      counts[slot] = (counts[slot] ?? 0) + 1;
    }
    return counts;
  };
  return { speeds, means, view, random, drawn };
}

test('an endpoint is drawn as much more rarely as it is slower than the fleet on average, but at least a tenth as often', () => {
  // The speeds are 1/10, 1/10, 1/40 and 1/1000 on average: 17.7 ms.
  const { speeds, drawn } = measured([10, 10, 40, 1_000, 0]);
  assert.equal(speeds.even, false);
  const usualMs = 4 / (1 / 10 + 1 / 10 + 1 / 40 + 1 / 1_000);
  const shares = [1, 1, usualMs / 40, 0.1, 1];
  const sum = shares.reduce((before, share) => before + share);
  const counts = drawn(36_000);
  for (const [slot, share] of shares.entries()) assert.ok(isShare(counts[slot] ?? 0, 36_000, share / sum), `${slot}: ${counts}`);
});

test('those of about one speed, and those nobody knows, are even', () => {
  assert.equal(measured([10, 15, 19.9, 0]).speeds.even, true);
  assert.equal(measured([0, 0]).speeds.even, true);
  assert.equal(measured([10, 40]).speeds.even, false);
});

test('a new endpoint in a slot counts as fast, and a mean follows the answers within some dozens', () => {
  const { speeds, means, view, random } = measured([10, 1_000]);
  means.clear(1);
  speeds.review(view, means, random);
  assert.equal(speeds.even, true);
  for (let answer = 0; answer < 64; answer++) means.learn(0, 100);
  assert.ok(Math.abs(means.of(0) - 100) < 2, String(means.of(0)));
});
