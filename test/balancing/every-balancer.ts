import { adaptive } from '../../src/balancing/adaptive/adaptive.js';
import { leastRequest } from '../../src/balancing/least-request.js';
import { weightedRoundRobin } from '../../src/balancing/load-reports/weighted-round-robin.js';
import { p2c } from '../../src/balancing/p2c.js';
import { pendingRequests } from '../../src/balancing/pending-requests.js';
import { prequal } from '../../src/balancing/prequal/prequal.js';
import { random } from '../../src/balancing/random.js';
import { roundRobin } from '../../src/balancing/round-robin.js';
import { subset } from '../../src/balancing/subsetting/subset.js';
import type { Balancer } from '../../src/core/picker.js';

/** The balancers that the tests of what holds for all of them go through. */
export const everyBalancer: Readonly<Record<string, () => Balancer>> = {
  random: () => random(),
  roundRobin: () => roundRobin(),
  p2c: () => p2c(),
  'p2c by pending requests': () => p2c({ load: pendingRequests(), fullScanUpTo: 0 }),
  adaptive: () => adaptive(),
  leastRequest: () => leastRequest({ fullScanUpTo: 3, choices: 3 }),
  weightedRoundRobin: () => weightedRoundRobin(),
  prequal: () => prequal(),
  'a subset of all, p2c': () => subset(p2c(), { size: 10_000, name: 'a client' }),
};
