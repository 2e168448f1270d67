import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jittered } from '../../src/core/jitter.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

describe('a time that is spread by chance', () => {
  it('is never later than what was asked for, nor earlier than four fifths of it', () => {
    assert.equal(jittered(1_000, { next: () => 0 }), 1_000);
    assert.ok(jittered(1_000, { next: () => 1 - Number.EPSILON }) >= 800);
  });

  it('puts a crowd that begins together as evenly over the last fifth as chance allows', () => {
    const random = seededRandom(7);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const tenth = Math.min(9, Math.floor((jittered(1_000, random) - 800) / 20));
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    for (const count of tenths) assert.ok(Math.abs(count - 1_000) < 150, `${count} of 10,000 in a tenth of the time`);
  });
});
