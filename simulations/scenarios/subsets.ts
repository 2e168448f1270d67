import { type Balancer, p2c, pendingRequests, subset } from '../../src/index.js';
import type { Claim } from '../claim.js';
import { alone, balancers, LEAST_OF_TWO, OURS, oursWithSubset } from '../contenders.js';
import type { Scenario, Situation } from '../scenario.js';
import { away, DELAYS, MEAN, numberOf, steady, TIMES } from '../steady.js';

const SIZE = 20;
const SUBSET = 'ours, 20 of 300 servers';
const LEAST_IN_SUBSET = 'least of two, 20 of 300 servers';
const CONNECTIONS = 'connections';

function leastInSubset(client: number): Balancer {
  return subset(p2c({ load: pendingRequests(), fullScanUpTo: 0 }), { size: SIZE, client, numberOf });
}

const situations: readonly Situation[] = DELAYS.map((delay) => ({
  name: away(delay),
  contenders: [...balancers(LEAST_OF_TWO), alone(LEAST_IN_SUBSET, leastInSubset), ...balancers(OURS), alone(SUBSET, oursWithSubset(SIZE))],
  options: steady({ servers: 300, load: 0.9, clients: 300, requests: 300_000, delay, reports: true }),
  quickShare: 0.3,
}));

function times(delay: number, one: string, other: string, measure: string): Claim['of'] {
  return (measured) => measured(away(delay), one, measure) / measured(away(delay), other, measure);
}

export const subsets: Scenario = {
  name: 'subsets',
  title: 'A part of the servers for each client',
  about:
    '300 clients of 300 servers with one worker each at 90 % load, exponential service times, Poisson arrivals; the network takes 0, 0.05 or 0.5 service times each way, and answers tell the load. ' +
    'Each client uses all servers, or 20 of them, evenly shared since clients and servers know their numbers. Connections are pairs of a client and a server that had to do with each other; ' +
    'who uses all servers makes the more of them the longer it runs, 90,000 in the end. Times are in service times, without those on the network.',
  situations,
  measures: [...TIMES, { name: CONNECTIONS, decimals: 0, of: ({ connections }) => connections }],
  claims: DELAYS.flatMap((delay): Claim[] => [
    {
      number: '18',
      text: `${away(delay)}: the mean of ours with a subset, as a multiple of that without`,
      of: times(delay, SUBSET, OURS, MEAN),
      atMost: 1.06,
      decimals: 3,
    },
    {
      number: '18',
      text: `${away(delay)}: the connections of ours with a subset`,
      of: (measured) => measured(away(delay), SUBSET, CONNECTIONS),
      atMost: 6_000,
      decimals: 0,
    },
  ]),
  drawn: { measure: MEAN },
};
