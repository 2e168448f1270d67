import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashText, mixed } from '../../../src/balancing/hashing/hash.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';

function hashOf(text: string, seed = 0): string {
  const into = new Int32Array(2);
  hashText(text, 0, text.length, seed, into);
  return Array.from(into, (half) => (half >>> 0).toString(16).padStart(8, '0')).join(' ');
}

function bitsOf(hash: string): bigint {
  return BigInt(`0x${hash.replace(' ', '')}`);
}

test('the hash of a text is the same in every process and every version', () => {
  assert.deepEqual(
    ['', 'a', 'ab', 'abc', 'user-42', 'http://10.0.0.1:80', 'Ωμέγα', '😀'].map((text) => hashOf(text)),
    GOLDEN,
  );
  assert.equal(hashOf('abc', 1), GOLDEN_SEEDED);
});

test('a stretch of a text has the hash of that text alone', () => {
  const into = new Int32Array(2);
  hashText('/users/42/orders', 7, 9, 0, into);
  const [high, low] = into;
  hashText('42', 0, 2, 0, into);
  assert.deepEqual([high, low], [...into]);
});

test('no two of a million similar texts have the same 64 bits, and no more share 32 than chance allows', () => {
  const whole = new Set<number>();
  const halves = [new Set<number>(), new Set<number>()];
  const into = new Int32Array(2);
  for (let index = 0; index < 1_000_000; index++) {
    const text = `user-${index}`;
    hashText(text, 0, text.length, 0, into);
    const [high = 0, low = 0] = into;
    whole.add((high >>> 0) * 2 ** 21 + (low >>> 11)); // 53 of the bits
    halves[0]?.add(high);
    halves[1]?.add(low);
  }
  assert.equal(whole.size, 1_000_000);
  // Of n texts n^2 / 2^33 pairs meet in 32 bits: 116, with a deviation of 11.
  for (const half of halves) assert.ok(Math.abs(1_000_000 - half.size - 116) < 60, `${1_000_000 - half.size} pairs`);
});

test('each bit of a text turns each bit of the hash as often as not', () => {
  const random = seededRandom(1);
  const rounds = 1_000;
  const length = 9;
  for (let bit = 0; bit < 7; bit++) {
    for (let at = 0; at < length; at++) {
      const turned = new Array<number>(64).fill(0);
      for (let round = 0; round < rounds; round++) {
        const units = Array.from({ length }, () => 32 + Math.floor(random.next() * 95));
        const before = bitsOf(hashOf(String.fromCharCode(...units)));
        units[at] = (units[at] ?? 0) ^ (1 << bit);
        const difference = before ^ bitsOf(hashOf(String.fromCharCode(...units)));
        for (let each = 0; each < 64; each++) if ((difference >> BigInt(each)) & 1n) turned[each] = (turned[each] ?? 0) + 1;
      }
      // Six standard deviations, of 4,032 cells.
      for (const [each, count] of turned.entries())
        assert.ok(Math.abs(count / rounds - 0.5) < 6 * 0.5 * rounds ** -0.5, `bit ${bit} of unit ${at}: bit ${each} in ${count}`);
    }
  }
});

test('the texts of two lengths, of which one is the other and zeros, differ', () => {
  assert.equal(new Set(['a', 'a\0', 'a\0\0', 'a\0\0\0'].map((text) => hashOf(text))).size, 4);
});

test('different numbers stay different when they are mixed', () => {
  const seen = new Set<number>();
  for (let value = 0; value < 100_000; value++) seen.add(mixed(value | 0));
  assert.equal(seen.size, 100_000);
});

/** Written down when the hash was; a change of one of them sends the keys of running fleets elsewhere. */
const GOLDEN = [
  '00000000 00000000',
  '60803a63 8a158884',
  '2b42b885 b9f438ca',
  '88d3da90 a6d1124e',
  'ab564630 2b3220e6',
  '0a52111a c267494b',
  '15430b03 b9c3170d',
  'e6fa2142 9301cdf7',
];
const GOLDEN_SEEDED = '7eeab117 8cc408da';
