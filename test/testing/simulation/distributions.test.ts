import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../src/index.js';
import {
  always,
  type Distribution,
  exponential,
  hyperExponential,
  logNormal,
  normal,
  oneAfterAnother,
  poisson,
  regular,
} from '../../../src/testing/simulation/index.js';
import { randomStream } from '../../../src/testing/simulation/random-stream.js';

const COUNT = 400_000;

function drawn(distribution: Distribution): { meanMs: number; variation: number; sorted: Float64Array } {
  const draw = distribution.build(randomStream(3, 'draws'));
  const sorted = Float64Array.from({ length: COUNT }, () => draw()).sort();
  const meanMs = sorted.reduce((sum, ms) => sum + ms, 0) / COUNT;
  const variance = sorted.reduce((sum, ms) => sum + (ms - meanMs) ** 2, 0) / COUNT;
  return { meanMs, variation: variance / meanMs ** 2, sorted };
}

function isNear(got: number, expected: number, ratio: number): void {
  assert.ok(Math.abs(got - expected) <= ratio * expected, `${got} is not within ${ratio * 100} % of ${expected}`);
}

test('each distribution has the mean that it says, and the variation that its formula has', () => {
  const cases: [string, Distribution, number, number][] = [
    ['exponential', exponential(10), 10, 1],
    ['normal', normal(100, 20), 100, 0.04],
    ['logNormal', logNormal(20, 0.5), 20 * Math.exp(0.125), Math.exp(0.25) - 1],
    // E[x^2] = 2 sum(p m^2): 2 (0.0455 * 100 + 0.9545 * 0.571^2) - 1.
    [
      'hyperExponential',
      hyperExponential([
        { share: 0.0455, meanMs: 10 },
        { share: 0.9545, meanMs: 0.571 },
      ]),
      1,
      8.72,
    ],
    ['poisson', poisson(200), 5, 1],
  ];
  for (const [name, distribution, meanMs, variation] of cases) {
    const measured = drawn(distribution);
    isNear(distribution.meanMs, meanMs, 0.001);
    isNear(measured.meanMs, meanMs, 0.015);
    isNear(measured.variation, variation, 0.05);
    assert.ok((measured.sorted[0] as number) >= 0, name);
  }
});

test('the quantiles of the exponential and of the log-normal distribution are those of their formulas', () => {
  const quantile = ({ sorted }: ReturnType<typeof drawn>, ratio: number) => sorted[Math.floor(ratio * COUNT)] as number;
  for (const ratio of [0.1, 0.5, 0.9, 0.99, 0.999]) isNear(quantile(drawn(exponential(10)), ratio), -10 * Math.log(1 - ratio), 0.04);
  const skewed = drawn(logNormal(20, 1));
  isNear(quantile(skewed, 0.5), 20, 0.02);
  // One standard deviation above the middle.
  isNear(quantile(skewed, 0.841345), 20 * Math.E, 0.02);
});

test('fixed times are as they were written', () => {
  const draw = oneAfterAnother([5, 1, 3]).build(randomStream(1, ''));
  assert.deepEqual([draw(), draw(), draw(), draw()], [5, 1, 3, 5]);
  assert.equal(oneAfterAnother([5, 1, 3]).meanMs, 3);
  assert.equal(always(7).build(randomStream(1, ''))(), 7);
  assert.equal(regular(50).build(randomStream(1, ''))(), 20);
});

test('a time that cannot be is refused', () => {
  const wrong: [() => unknown, string][] = [
    [() => exponential(-1), 'exponential'],
    [() => exponential(Number.NaN), 'exponential'],
    [() => always(Number.POSITIVE_INFINITY), 'always'],
    [() => normal(1, -1), 'normal.deviationMs'],
    [() => logNormal(1, Number.NaN), 'logNormal.sigma'],
    [() => hyperExponential([]), 'hyperExponential'],
    [() => hyperExponential([{ share: 0, meanMs: 1 }]), 'hyperExponential[0].share'],
    [() => oneAfterAnother([]), 'oneAfterAnother'],
    [() => oneAfterAnother([1, -1]), 'oneAfterAnother[1]'],
    [() => poisson(0), 'poisson'],
    [() => regular(-5), 'regular'],
  ];
  for (const [make, path] of wrong) assert.throws(make, (error) => error instanceof ConfigError && error.path === path);
});
