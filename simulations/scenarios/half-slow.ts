import type { Claim } from '../claim.js';
import { alone, balancers, IN_TURN, LEAST_OF_TWO, OURS, oursWithSubset, PEAK_EWMA, PEAK_OF_ALL } from '../contenders.js';
import type { Scenario, Situation } from '../scenario.js';
import { DELAYS, MEAN, P99, steady, TIMES } from '../steady.js';

/** Half of the servers are ten times slower than the others. */
const HALF = { share: 0.5, times: 10 };

const SUBSET = 'ours, 20 of 100 servers';

const SHORT = 120_000;
const LONG = 480_000;

interface Setting {
  readonly servers: number;
  readonly load: number;
  readonly clients: number;
  readonly requests: number;
  readonly delay?: number;
  readonly reports?: 'measured';
}

function named({ servers, load, clients, requests, delay = 0, reports }: Setting): string {
  const away = `${delay === 0 ? '' : `, ${delay} away`}${reports === undefined ? '' : ', servers with loadReports()'}`;
  return `${servers} servers at ${Math.round(load * 100)} %, ${clients} client${clients === 1 ? '' : 's'}, ${requests / 1_000},000 requests${away}`;
}

function situation(setting: Setting, contenders: Situation['contenders']): Situation {
  // Growth is growth over any time, as long as one is four times the other. A thousand clients need theirs to learn.
  const quickShare = setting.servers === 20 ? 0.25 : setting.clients === 1_000 ? 1 : 0.5;
  return { name: named(setting), contenders, options: steady({ reports: true, ...setting, slow: HALF }), quickShare };
}

const twenty = (load: number, requests: number, delay = 0): Setting => ({ servers: 20, load, clients: 1, requests, delay });
const hundred = (clients: number, delay = 0): Setting => ({ servers: 100, load: 0.8, clients, requests: SHORT, delay });

const MEASURED: Setting = { ...hundred(100), reports: 'measured' };

/** How the mean grows when four times as many requests come: not, where the servers keep up; fourfold, where they do not. */
function growth(load: number, contender: string, delay = 0): Claim['of'] {
  return (measured) =>
    measured(named(twenty(load, LONG, delay)), contender, MEAN) / measured(named(twenty(load, SHORT, delay)), contender, MEAN);
}

function unstable(contender: string, delay: number): Claim {
  return {
    number: '9',
    text: `${named(twenty(0.5, LONG, delay))}: ${contender}, as a multiple of its mean of a quarter of the time`,
    of: growth(0.5, contender, delay),
    atLeast: 3,
    decimals: 2,
  };
}

function ofOurs(number: string, setting: Setting, contender: string, atMost: number): Claim {
  return {
    number,
    text: `${named(setting)}: the mean of ${contender}`,
    of: (measured) => measured(named(setting), contender, MEAN),
    atMost,
    decimals: 3,
  };
}

const peers = balancers(IN_TURN, LEAST_OF_TWO, PEAK_EWMA, OURS);
const BOUNDS = [
  [1, 0.7],
  [10, 1],
  [100, 1.8],
  [1_000, 3.2],
] as const;
/** From so many clients on each server has twenty of them, if each uses a fifth of the servers. */
const SUBSET_FROM = 100;

function contendersFor(clients: number): Situation['contenders'] {
  return clients < SUBSET_FROM ? balancers(OURS) : [...balancers(OURS), alone(SUBSET, oursWithSubset(20))];
}

function nearTheBest(clients: number, atMost: number, delay = 0): Claim[] {
  return contendersFor(clients).map(({ name }) => ofOurs('11', hundred(clients, delay), name, atMost));
}

/** Not with 1,000 clients, whose runs are long. */
const FAR = DELAYS.slice(1).flatMap((delay) => BOUNDS.filter(([clients]) => clients < 1_000).map(([clients]) => ({ clients, delay })));

export const halfSlow: Scenario = {
  name: 'half-slow',
  title: 'Half of the servers ten times slower',
  about:
    'Servers with one worker each, exponential service times, Poisson arrivals; every second server is ten times slower than the others, and the mean rate of all is one request in a service time. ' +
    'The network takes 0, 0.05 or 0.5 service times each way, and answers tell the load as in many clients. ' +
    'Two choices that are drawn evenly are both slow in a quarter of the cases, so that slow servers are given more than they can do from about 38 % load on (20 servers): ' +
    'the mean then grows with the time that is simulated. From a hundred clients on, there is also a row in which each uses 20 of the 100 servers. Times are in service times, without those on the network.',
  situations: [
    ...DELAYS.flatMap((delay) => [
      situation(twenty(0.5, SHORT, delay), [...peers, ...balancers(PEAK_OF_ALL)]),
      situation(twenty(0.5, LONG, delay), peers),
    ]),
    ...[0.33, 0.43].flatMap((load) => [SHORT, LONG].map((requests) => situation(twenty(load, requests), balancers(LEAST_OF_TWO, OURS)))),
    ...BOUNDS.map(([clients]) =>
      situation(hundred(clients), [...balancers(...(clients === 100 ? [LEAST_OF_TWO, PEAK_EWMA] : [])), ...contendersFor(clients)]),
    ),
    situation(MEASURED, contendersFor(MEASURED.clients)),
    ...FAR.map(({ clients, delay }) => situation(hundred(clients, delay), contendersFor(clients))),
  ],
  measures: TIMES,
  claims: [
    ...DELAYS.flatMap((delay) => [
      unstable(LEAST_OF_TWO, delay),
      unstable(PEAK_EWMA, delay),
      ofOurs('9', twenty(0.5, SHORT, delay), OURS, 0.85),
      ofOurs('9', twenty(0.5, LONG, delay), OURS, 0.85),
    ]),
    {
      number: '10',
      text: 'below the boundary (33 %): least requests of two, as a multiple of its mean of a quarter of the time',
      of: growth(0.33, LEAST_OF_TWO),
      atMost: 1.6,
      decimals: 2,
    },
    {
      number: '10',
      text: 'above the boundary (43 %): the same',
      of: growth(0.43, LEAST_OF_TWO),
      atLeast: 2.5,
      decimals: 2,
    },
    ...BOUNDS.flatMap(([clients, atMost]) => nearTheBest(clients, atMost)),
    ofOurs('11', MEASURED, OURS, 1.8),
    ofOurs('11', MEASURED, SUBSET, 1.8),
    ...FAR.flatMap(({ clients, delay }) => {
      const [, atMost] = BOUNDS.find(([each]) => each === clients) ?? [0, 0];
      return nearTheBest(clients, atMost, delay);
    }),
    {
      number: '11',
      text: `${named(hundred(1_000))}: p99 of ${SUBSET}`,
      of: (measured) => measured(named(hundred(1_000)), SUBSET, P99),
      atMost: 12.5,
      decimals: 1,
    },
  ],
  drawn: { measure: MEAN },
};
