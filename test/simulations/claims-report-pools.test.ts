import { test } from 'node:test';
import { withPool } from '../../simulations/scenarios/report-pools.js';
import { isBetween, meanTime } from './mean-times.js';

test('how many reports are kept, and for how long, hardly matters (claim 8)', async () => {
  const steady = { servers: 100, load: 0.9, requests: 20_000, reports: true, clients: 100 };
  const means: number[] = [];
  for (const [reports, serviceTimes] of [
    [4, 100],
    [32, 100],
    [16, 10],
  ] as const) {
    means.push(await meanTime(withPool({ reports, serviceTimes }), steady));
  }
  isBetween(Math.max(...means) / Math.min(...means), 1, 1.1, `${means}`);
});
