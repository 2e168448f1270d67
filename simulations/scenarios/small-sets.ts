import type { Claim } from '../claim.js';
import { alone, balancers, LEAST_OF_ALL, LEAST_OF_TWO, OURS } from '../contenders.js';
import type { Scenario, Situation } from '../scenario.js';
import { DELAYS, MEAN, steady, TIMES } from '../steady.js';
import { leastOfTwoWithReplacement } from '../with-replacement.js';

const REPLACED = 'two drawn with replacement';

const sizes = [2, 3, 5, 10] as const;

function named(servers: number, delay: number): string {
  return delay === 0 ? `${servers} servers` : `${servers} servers, ${delay} away`;
}

const situations: readonly Situation[] = DELAYS.flatMap((delay) =>
  sizes.map((servers) => ({
    name: named(servers, delay),
    contenders: [alone(REPLACED, leastOfTwoWithReplacement), ...balancers(LEAST_OF_TWO, LEAST_OF_ALL, OURS)],
    options: steady({ servers, load: 0.9, requests: 300_000, delay, reports: true }),
    quickShare: 0.2,
  })),
);

/** By how many percent the one is less than the other. */
function saved(servers: number, delay: number, contender: string, other: string): Claim['of'] {
  const name = named(servers, delay);
  return (measured) => 100 * (1 - measured(name, contender, MEAN) / measured(name, other, MEAN));
}

function distinct(servers: number, delay: number): Claim {
  return {
    number: '3',
    text: `${named(servers, delay)}: % that two distinct choices take off the mean of two that may be the same`,
    of: saved(servers, delay, LEAST_OF_TWO, REPLACED),
    ...(delay === 0 ? { atLeast: 3.5, atMost: 10 } : { atLeast: 0 }),
    decimals: 1,
  };
}

function scanned(servers: number, delay: number, percent: number): Claim {
  return {
    number: '4',
    text: `${named(servers, delay)}: % that looking at all takes off the mean of two choices`,
    of: saved(servers, delay, LEAST_OF_ALL, LEAST_OF_TWO),
    ...(delay === 0 ? { atLeast: percent - 3.5, atMost: percent + 3.5 } : { atLeast: 0 }),
    decimals: 1,
  };
}

function kept(servers: number, delay: number): Claim {
  const name = named(servers, delay);
  return {
    number: '4',
    text: `${name}: the mean of ours, as a multiple of that of looking at all`,
    of: (measured) => measured(name, OURS, MEAN) / measured(name, LEAST_OF_ALL, MEAN),
    atMost: 1.05,
    decimals: 3,
  };
}

/** The numbers of the claims are those without a network; with one, it must still pay. */
export const smallSets: Scenario = {
  name: 'small-sets',
  title: 'A few servers',
  about:
    'One client and a few servers at 90 % load, exponential service times, Poisson arrivals; the network takes 0, 0.05 or 0.5 service times each way. ' +
    'Envoy and gRPC draw two endpoints with replacement, which may be the same; Finagle, tower and `p2c` draw distinct ones; on a small set looking at all costs no more. ' +
    'Times are in service times, without those on the network.',
  situations,
  measures: TIMES,
  claims: DELAYS.flatMap((delay) => [
    ...[2, 3, 5].map((servers) => distinct(servers, delay)),
    scanned(3, delay, 10),
    scanned(5, delay, 22),
    scanned(10, delay, 37),
    ...sizes.map((servers) => kept(servers, delay)),
  ]),
  drawn: { measure: MEAN },
};
