import { test } from 'node:test';
import { LEAST_OF_TWO, OURS, PEAK_EWMA, RANDOM } from '../../simulations/contenders.js';
import { DETERMINISTIC, UNEVEN } from '../../simulations/steady.js';
import { isBetween, meanTime } from './mean-times.js';

const hundred = { servers: 100, load: 0.9, requests: 20_000, reports: true };

test('the more clients, the less two choices by their own requests are worth (claim 5)', async () => {
  isBetween(await meanTime(LEAST_OF_TWO, { ...hundred, clients: 1 }), 2.4, 2.9, 'one client');
  isBetween(await meanTime(LEAST_OF_TWO, { ...hundred, clients: 10 }), 3.6, 4.6, 'ten clients');
  isBetween(await meanTime(LEAST_OF_TWO, { ...hundred, clients: 100 }), 5.8, 7.5, 'a hundred clients');
});

test('with reports a hundred clients wait as if each knew what all have in flight (claim 6)', async () => {
  for (const [delay, overOracle, underPeers] of [
    [0, 1.12, 2.2],
    [0.5, 1.25, 1.8],
  ] as const) {
    const ours = await meanTime(OURS, { ...hundred, clients: 100, delay });
    const oracle = await meanTime(LEAST_OF_TWO, { ...hundred, clients: 1, delay });
    const local = await meanTime(LEAST_OF_TWO, { ...hundred, clients: 100, delay });
    isBetween(ours / oracle, 0, overOracle, `${delay} away, to the oracle`);
    isBetween(local / ours, underPeers, 10, `${delay} away, to what each sees`);
  }
});

test('and that whether requests are all alike or very uneven (claim 7)', async () => {
  const even = { ...hundred, clients: 100, service: DETERMINISTIC };
  isBetween(await meanTime(OURS, even), 1, 2.1, 'all alike');
  isBetween(await meanTime(PEAK_EWMA, even), 3.5, 7, 'all alike, peak EWMA');
  const uneven = { ...hundred, clients: 100, service: UNEVEN };
  isBetween(await meanTime(OURS, uneven), 2, 5, 'uneven');
  isBetween(await meanTime(LEAST_OF_TWO, uneven), 10, 30, 'uneven, least requests');
});

test('without reports the default is no worse than chance (claim 5)', async () => {
  const silent = { ...hundred, clients: 100, reports: false };
  const ratio = (await meanTime(OURS, silent)) / (await meanTime(RANDOM, silent));
  isBetween(ratio, 0, 1.02, 'to random');
});
