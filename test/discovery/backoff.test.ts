import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from '../../src/discovery/backoff.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

const longest = { next: () => 1 };

describe('the waits between two attempts', () => {
  it('double from 100 ms up to 5 s, and begin anew after a success', () => {
    const backoff = new Backoff(longest);
    assert.deepEqual(
      Array.from({ length: 8 }, () => backoff.nextMs()),
      [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000],
    );
    backoff.reset();
    assert.equal(backoff.nextMs(), 100);
  });

  it('never go beyond 5 s, however long the outage lasts', () => {
    const backoff = new Backoff(longest);
    for (let i = 0; i < 100_000; i++) assert.ok(backoff.nextMs() <= 5_000);
  });

  it('are spread evenly between nothing and their bound', () => {
    const random = seededRandom(7);
    const backoff = new Backoff(random, 1_000);
    for (let i = 0; i < 10; i++) backoff.nextMs();
    const waits = Array.from({ length: 4_000 }, () => backoff.nextMs());
    const quarters = [0, 0, 0, 0];
    for (const ms of waits) {
      const quarter = Math.floor(ms / 250);
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    assert.equal(quarters.length, 4);
    assert.ok(
      quarters.every((count) => count > 900 && count < 1_100),
      `${quarters}`,
    );
  });
});
