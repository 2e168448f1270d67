import { test } from 'node:test';
import { LEAST_OF_TWO, RANDOM } from '../../simulations/contenders.js';
import { steady } from '../../simulations/steady.js';
import { p2c, pendingRequests } from '../../src/index.js';
import { simulate } from '../../src/testing/simulation/index.js';
import { isBetween, meanTime } from './mean-times.js';

test('random picks take 1 / (1 - load), and two choices a fraction of it (claim 1)', async () => {
  isBetween(await meanTime(RANDOM, { servers: 100, load: 0.8, requests: 60_000 }), 4.6, 5.4, 'random');
  // The limit of many servers is 1.947.
  isBetween(await meanTime(LEAST_OF_TWO, { servers: 100, load: 0.8, requests: 60_000 }), 1.87, 2.05, 'two choices');
});

test('with two choices long queues are doubly rare (claim 2)', async () => {
  const { queueTail } = await simulate({
    ...steady({ servers: 200, load: 0.9, requests: 100_000 }),
    mesh: { defaults: { balancer: p2c({ load: pendingRequests() }), policies: { perCall: [] } } },
  });
  // 0.9^(2^i - 1) in the limit: 0.9, 0.729, 0.478, 0.206, 0.038, 0.0013.
  isBetween(queueTail[3] ?? 0, 0.45, 0.51, 'three or more');
  isBetween(queueTail[4] ?? 0, 0.18, 0.235, 'four or more');
  isBetween(queueTail[5] ?? 0, 0.027, 0.05, 'five or more');
  isBetween(queueTail[6] ?? 0, 0.0003, 0.003, 'six or more');
});
