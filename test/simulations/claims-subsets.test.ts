import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone, OURS, oursWithSubset } from '../../simulations/contenders.js';
import { runOnce } from '../../simulations/run.js';
import { steady } from '../../simulations/steady.js';
import { isBetween, meanTime } from './mean-times.js';

const options = { servers: 100, clients: 100, load: 0.9, requests: 30_000, reports: true };

test('with reports, using a fifth of the servers costs nothing (claim 18)', async () => {
  const near = { ...options, delay: 0.05 };
  const part = await meanTime(alone('a fifth', oursWithSubset(20)), near);
  isBetween(part / (await meanTime(OURS, near)), 0.8, 1.12, 'to all servers');
});

test('each client of a subset has to do with no more servers than its size', async () => {
  const contender = alone('a twentieth', oursWithSubset(5));
  const situation = { name: '', contenders: [contender], options: steady({ ...options, requests: 20_000 }) };
  const measures = [{ name: 'connections', decimals: 0, of: ({ connections }: { readonly connections: number }) => connections }];
  const { numbers, loads } = await runOnce(measures, situation, contender, 1, false);
  assert.ok((numbers.connections ?? 0) <= 500, `${numbers.connections}`);
  // Five clients for each server: none is left out.
  assert.ok(
    loads.every(({ received }) => received > 80),
    JSON.stringify(loads),
  );
});
