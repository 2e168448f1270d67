import type { Distribution } from '../../src/testing/simulation/index.js';
import type { Claim } from '../claim.js';
import { balancers, IN_TURN, LEAST_OF_ALL, LEAST_OF_TWO, OURS, PEAK_EWMA, RANDOM } from '../contenders.js';
import type { Scenario, Situation } from '../scenario.js';
import { DELAYS, DETERMINISTIC, EXPONENTIAL, MEAN, steady, TIMES, UNEVEN } from '../steady.js';

const ALL = [RANDOM, IN_TURN, LEAST_OF_TWO, LEAST_OF_ALL, PEAK_EWMA, OURS];
const FEW = [LEAST_OF_TWO, PEAK_EWMA, OURS];

interface Setting {
  readonly clients: number;
  readonly delay?: number;
  readonly spread?: string;
  readonly service?: Distribution;
  readonly reports?: 'measured';
}

function named({ clients, delay = 0, spread = '' }: Setting): string {
  const parts = [
    `${clients} client${clients === 1 ? '' : 's'}`,
    ...(spread === '' ? [] : [spread]),
    ...(delay === 0 ? [] : [`${delay} away`]),
  ];
  return parts.join(', ');
}

function situation(setting: Setting, contenders: readonly string[], quickShare: number): Situation {
  const { clients, delay = 0, service = EXPONENTIAL, reports = true } = setting;
  return {
    name: named(setting),
    contenders: balancers(...contenders),
    options: steady({ servers: 100, load: 0.9, clients, requests: 200_000, delay, service, reports }),
    quickShare,
  };
}

const ONE: Setting = { clients: 1 };
const TEN: Setting = { clients: 10 };
const HUNDRED: Setting = { clients: 100 };
const THOUSAND: Setting = { clients: 1_000 };
const MEASURED: Setting = { clients: 100, spread: 'servers with loadReports()', reports: 'measured' };
const EVEN: Setting = { clients: 100, spread: 'all requests alike', service: DETERMINISTIC };
const ROUGH: Setting = { clients: 100, spread: 'very uneven requests', service: UNEVEN };

function mean(setting: Setting, contender: string): Claim['of'] {
  return (measured) => measured(named(setting), contender, MEAN);
}

function times(setting: Setting, one: string, other: string, reference: Setting = setting): Claim['of'] {
  return (measured) => mean(setting, one)(measured) / mean(reference, other)(measured);
}

function diluted(setting: Setting, expected: number): Claim {
  return {
    number: '5',
    text: `${named(setting)}: the mean with least requests of two`,
    of: mean(setting, LEAST_OF_TWO),
    atLeast: expected * 0.94,
    atMost: expected * 1.06,
    decimals: 2,
  };
}

function undiluted(delay: number): Claim[] {
  const hundred = { ...HUNDRED, delay };
  return [
    ...(delay === 0
      ? [{ number: '6', text: `${named(hundred)}: the mean of ours`, of: mean(hundred, OURS), atMost: 2.7, decimals: 2 }]
      : []),
    {
      number: '6',
      text: `${named(hundred)}: ours, as a multiple of two choices that know what is in flight of all clients`,
      of: times(hundred, OURS, LEAST_OF_TWO, { ...ONE, delay }),
      atMost: 1.05,
      decimals: 3,
    },
    {
      number: '6',
      text: `${named(hundred)}: least requests of two, as a multiple of ours`,
      of: times(hundred, LEAST_OF_TWO, OURS),
      atLeast: 2.5,
      decimals: 2,
    },
  ];
}

export const dilution: Scenario = {
  name: 'many-clients',
  title: 'Many clients, each of which sees its own requests only',
  about:
    'A hundred servers with one worker each at 90 % load, Poisson arrivals, shared by 1 to 1,000 clients; exponential service times, unless said otherwise: ' +
    'all alike, or with nine times the variance of exponential ones. The network takes 0, 0.05 or 0.5 service times each way. ' +
    'Servers tell their requests in flight and their service time in the answer (`named_metrics.rif` and `named_metrics.svc` in `endpoint-load-metrics`), and it is the truth, or in one situation what `loadReports()` makes of it; ours reads it. ' +
    'Times are in service times, without those on the network. Of one client, least requests of two knows all that is in flight: what others call an oracle.',
  situations: [
    situation(ONE, ALL, 0.4),
    situation(TEN, FEW, 0.4),
    situation(HUNDRED, ALL, 0.3),
    situation(THOUSAND, FEW, 0.3),
    situation(MEASURED, [OURS], 0.3),
    situation(EVEN, FEW, 0.3),
    situation(ROUGH, FEW, 0.3),
    ...DELAYS.slice(1).flatMap((delay) => [situation({ ...ONE, delay }, FEW, 0.3), situation({ ...HUNDRED, delay }, FEW, 0.3)]),
    situation({ ...THOUSAND, delay: 0.5 }, FEW, 0.3),
  ],
  measures: TIMES,
  claims: [
    diluted(ONE, 2.64),
    diluted(TEN, 4.2),
    diluted(HUNDRED, 7),
    diluted(THOUSAND, 9.1),
    ...DELAYS.flatMap((delay) => undiluted(delay)),
    { number: '6', text: `${named(MEASURED)}: the mean of ours`, of: mean(MEASURED, OURS), atMost: 2.7, decimals: 2 },
    { number: '7', text: `${named(EVEN)}: the mean of ours`, of: mean(EVEN, OURS), atMost: 2, decimals: 2 },
    { number: '7', text: `${named(EVEN)}: the mean with least requests of two`, of: mean(EVEN, LEAST_OF_TWO), atLeast: 4, decimals: 2 },
    { number: '7', text: `${named(ROUGH)}: the mean of ours`, of: mean(ROUGH, OURS), atMost: 4.3, decimals: 2 },
    { number: '7', text: `${named(ROUGH)}: the mean with least requests of two`, of: mean(ROUGH, LEAST_OF_TWO), atLeast: 14, decimals: 2 },
    {
      number: '6',
      text: `${named(THOUSAND)}: ours, as a multiple of least requests of two`,
      of: times(THOUSAND, OURS, LEAST_OF_TWO),
      atMost: 0.75,
      decimals: 2,
    },
  ],
  drawn: { measure: MEAN },
};
