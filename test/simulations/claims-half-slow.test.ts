import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone, IN_TURN, LEAST_OF_TWO, OURS, oursWithSubset, PEAK_EWMA } from '../../simulations/contenders.js';
import type { SteadyOptions } from '../../simulations/steady.js';
import { isBetween, meanTime } from './mean-times.js';

/** Half of the servers are ten times slower. */
const slow = { share: 0.5, times: 10 };

function twenty(load: number, requests: number, delay = 0): SteadyOptions {
  return { servers: 20, slow, load, requests, delay, reports: true };
}

/** How the mean grows when four times as many requests come. */
async function growth(contender: string, load: number, delay = 0): Promise<number> {
  return (await meanTime(contender, twenty(load, 32_000, delay))) / (await meanTime(contender, twenty(load, 8_000, delay)));
}

test('at half of the load, two even choices give slow servers more than they can do, and ours does not (claim 9)', async () => {
  for (const contender of [IN_TURN, LEAST_OF_TWO, PEAK_EWMA]) isBetween(await growth(contender, 0.5), 2.7, 5, contender);
  isBetween(await meanTime(OURS, twenty(0.5, 32_000)), 0.5, 0.85, 'ours');
  // What was heard half a service time ago is not what is: longer, but no longer with time.
  isBetween(await meanTime(OURS, twenty(0.5, 32_000, 0.5)), 0.5, 1.8, 'ours, 0.5 away');
});

test('two even choices hold out up to the boundary that theory gives (claim 10)', async () => {
  isBetween(await growth(LEAST_OF_TWO, 0.3), 0.7, 1.7, 'below');
  isBetween(await growth(LEAST_OF_TWO, 0.45), 2.2, 5, 'above');
});

test('ours stays near the best there is, whether one client sees all or a hundred see little (claim 11)', async () => {
  const hundred = (clients: number, delay = 0): SteadyOptions => ({
    servers: 100,
    slow,
    load: 0.8,
    clients,
    requests: 30_000,
    delay,
    reports: true,
  });
  const subset = alone('with a subset', oursWithSubset(20));
  isBetween(await meanTime(OURS, hundred(1)), 0.55, 0.85, 'one client');
  isBetween(await meanTime(OURS, hundred(10)), 0.55, 1.2, 'ten clients');
  isBetween(await meanTime(subset, hundred(100)), 1, 2.5, 'a hundred clients');
  const peer = await meanTime(LEAST_OF_TWO, hundred(100));
  assert.ok(peer > 15, `${peer}`);
});
