import { test } from 'node:test';
import { alone, LEAST_OF_ALL, LEAST_OF_TWO, OURS } from '../../simulations/contenders.js';
import { leastOfTwoWithReplacement } from '../../simulations/with-replacement.js';
import { isBetween, meanTime } from './mean-times.js';

const replaced = alone('with replacement', leastOfTwoWithReplacement);

test('two distinct choices among three servers wait less than two that may be the same (claim 3)', async () => {
  const options = { servers: 3, load: 0.9, requests: 100_000 };
  const ratio = (await meanTime(LEAST_OF_TWO, options)) / (await meanTime(replaced, options));
  // Long runs: 0.93.
  isBetween(ratio, 0.86, 0.98, 'ratio');
});

test('looking at all of five or ten servers waits a fifth or a third less than two choices, also where the network takes its time (claim 4)', async () => {
  for (const [servers, delay, least, most] of [
    [5, 0, 0.7, 0.86],
    [10, 0, 0.57, 0.72],
    [10, 0.5, 0.7, 0.95],
  ] as const) {
    const options = { servers, load: 0.9, requests: 40_000, delay };
    const ratio = (await meanTime(LEAST_OF_ALL, options)) / (await meanTime(LEAST_OF_TWO, options));
    isBetween(ratio, least, most, `${servers} servers, ${delay} away`);
  }
});

test('the default waits on a few servers about as long as one who looks at all of them (claim 4)', async () => {
  for (const [servers, reports] of [
    [3, false],
    [10, false],
    [10, true],
  ] as const) {
    const options = { servers, load: 0.9, requests: 40_000, reports };
    const ratio = (await meanTime(OURS, options)) / (await meanTime(LEAST_OF_ALL, options));
    isBetween(ratio, 0, 1.2, `${servers} servers${reports ? ' that report' : ''}`);
  }
});
