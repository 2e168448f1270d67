import type { SimulatedEndpointOptions } from '../../src/testing/simulation/index.js';
import type { Claim } from '../claim.js';
import { balancers, inStack, LEAST_OF_TWO, OURS, ours, PEAK_EWMA } from '../contenders.js';
import type { Scenario, Situation } from '../scenario.js';
import { loadReport, MEAN, SERVICE_MS, steady, TIMES } from '../steady.js';

const SERVERS = 20;
const CLIENTS = 20;
const IN_STACK = 'ours, the standard stack';
const SHARE = '% to the odd ones';
const SUCCESS = '% success';

/** The servers that are not like the others have it in their names. */
const ODD = 'odd';

function odd(server: number, different: Partial<SimulatedEndpointOptions>): Partial<SimulatedEndpointOptions> {
  return { name: `${ODD}-${server + 1}`, ...different };
}

function situation(name: string, unlike: (server: number) => Partial<SimulatedEndpointOptions>, reports = true): Situation {
  return {
    name,
    contenders: [...balancers(LEAST_OF_TWO, PEAK_EWMA, OURS), inStack(IN_STACK, ours)],
    options: steady({ servers: SERVERS, clients: CLIENTS, load: 0.8, requests: 200_000, reports, unlike }),
    quickShare: 0.25,
  };
}

const TRUE = 'all report';
const MIXED = 'every second one reports nothing';
const STRIPPED = 'a proxy takes all reports out';
const COPIED = "every second one's answer has the report of another service";
const LYING = 'one says that it is idle and fast, always';
const MODEST = 'one says that it is overloaded, always';
const FAILING = 'one answers 503 at once and says that it is idle';

const NONE: Partial<SimulatedEndpointOptions> = {};
const isSecond = (server: number): boolean => server % 2 === 1;

const situations: readonly Situation[] = [
  situation(TRUE, () => NONE),
  situation(MIXED, (server) => (isSecond(server) ? odd(server, { answerHeaders: undefined }) : NONE)),
  situation(STRIPPED, () => NONE, false),
  // The service behind is quiet, and as fast as the one in front of it.
  situation(COPIED, (server) => (isSecond(server) ? odd(server, { answerHeaders: () => loadReport(1, SERVICE_MS) }) : NONE)),
  situation(LYING, (server) => (server === 0 ? odd(server, { answerHeaders: () => loadReport(0, 0.001) }) : NONE)),
  situation(MODEST, (server) => (server === 0 ? odd(server, { answerHeaders: () => loadReport(1_000, 1_000) }) : NONE)),
  situation(FAILING, (server) =>
    server === 0 ? odd(server, { serviceMs: 0.01, status: 503, answerHeaders: () => loadReport(0, 0.01) }) : NONE,
  ),
];

function ratio(name: string, one: string, other: string, atMost: number): Claim {
  return {
    number: 'reports',
    text: `${name}: the mean of ${one}, as a multiple of ${other}`,
    of: (measured) => measured(name, one, MEAN) / measured(name, other, MEAN),
    atMost,
    decimals: 2,
  };
}

function share(name: string, contender: string, bounds: Pick<Claim, 'atLeast' | 'atMost'>): Claim {
  return {
    number: 'reports',
    text: `${name}: ${SHARE}, ${contender}`,
    of: (measured) => measured(name, contender, SHARE),
    ...bounds,
    decimals: 1,
  };
}

export const doubtfulReports: Scenario = {
  name: 'doubtful-reports',
  title: 'Reports that are missing, wrong or lies',
  about:
    'Twenty servers with one worker each and twenty clients, 80 % load, exponential service times, Poisson arrivals, no network. Servers tell their load in their answers, but not all, or not the truth. ' +
    'The odd ones are those that are not like the others: ten of twenty, or one of twenty. Without trust in reports the fallback is what peak EWMA of two sees. Times are in service times.',
  situations,
  measures: [
    ...TIMES,
    {
      name: SHARE,
      decimals: 1,
      of: ({ endpoints }) => {
        const received = (some: typeof endpoints) => some.reduce((sum, endpoint) => sum + endpoint.received, 0);
        return (100 * received(endpoints.filter(({ name }) => name.startsWith(ODD)))) / received(endpoints);
      },
    },
    { name: SUCCESS, decimals: 3, of: ({ successes, requests }) => (100 * successes) / requests },
  ],
  claims: [
    ratio(TRUE, OURS, LEAST_OF_TWO, 0.65),
    ratio(MIXED, OURS, PEAK_EWMA, 1.05),
    share(MIXED, OURS, { atLeast: 45, atMost: 55 }),
    ratio(STRIPPED, OURS, PEAK_EWMA, 1.05),
    ratio(COPIED, OURS, PEAK_EWMA, 1.05),
    ratio(LYING, OURS, PEAK_EWMA, 1.05),
    share(LYING, OURS, { atMost: 7.5 }),
    ratio(MODEST, OURS, PEAK_EWMA, 1.05),
    share(FAILING, OURS, { atMost: 5 }),
    {
      number: 'reports',
      text: `${FAILING}: ${SUCCESS}, ${IN_STACK}`,
      of: (measured) => measured(FAILING, IN_STACK, SUCCESS),
      atLeast: 99.9,
      decimals: 3,
    },
  ],
  drawn: { measure: MEAN },
};
