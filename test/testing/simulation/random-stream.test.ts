import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../../src/testing/simulation/random-stream.js';

const numbers = (seed: number, name: string, count: number) => {
  const random = randomStream(seed, name);
  return Array.from({ length: count }, () => random.next());
};

test('a stream is told by its seed and its name', () => {
  assert.deepEqual(numbers(1, 'arrivals', 100), numbers(1, 'arrivals', 100));
  assert.notDeepEqual(numbers(1, 'arrivals', 100), numbers(2, 'arrivals', 100));
  assert.notDeepEqual(numbers(1, 'arrivals', 100), numbers(1, 'arrivalt', 100));
});

test('numbers are spread evenly, in the lowest bits too, and do not depend on those before them or on other streams', () => {
  const count = 200_000;
  const all = numbers(7, 'client 0', count);
  const others = numbers(7, 'client 1', count);
  assert.ok(all.every((number) => number >= 0 && number < 1));
  // Five standard deviations of each of these sums; a good generator misses one of them once in half a million seeds.
  const isEven = (values: number[], what: string) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(Math.abs(mean) < 5 * Math.sqrt(1 / 12 / values.length), `${what}: ${mean}`);
  };
  const centred = (number: number) => number - 0.5;
  isEven(all.map(centred), 'high bits');
  isEven(
    all.map((number) => centred((number * 2 ** 40) % 1)),
    'low bits',
  );
  isEven(
    all.slice(1).map((number, index) => centred(number) * centred(all[index] ?? 0)),
    'neighbours',
  );
  isEven(
    all.map((number, index) => centred(number) * centred(others[index] ?? 0)),
    'streams',
  );
});
