import { AdaptivePicker } from '../../src/balancing/adaptive/adaptive-picker.js';
import { type PoolLimits, ReportPool } from '../../src/balancing/adaptive/report-pool.js';
import { type Balancer, peakEwma } from '../../src/index.js';
import { alone } from '../contenders.js';
import type { Contender, Scenario } from '../scenario.js';
import { away, DELAYS, MEAN, SERVICE_MS, steady, TIMES } from '../steady.js';

/** How many reports a pool holds, and for how many service times. */
interface Setting {
  readonly reports: number;
  readonly serviceTimes: number;
}

const SETTINGS: readonly Setting[] = [
  ...[4, 8, 16, 32].map((reports) => ({ reports, serviceTimes: 100 })),
  ...[10, 30].map((serviceTimes) => ({ reports: 16, serviceTimes })),
];

function named({ reports, serviceTimes }: Setting): string {
  return `${reports} reports, for ${serviceTimes} service times`;
}

/** `adaptive` with a pool that holds so many reports, and for so long. */
export function withPool(setting: Setting): Contender {
  const { reports, serviceTimes } = setting;
  const limits: PoolLimits = { reports, usableMs: serviceTimes * SERVICE_MS, usableServiceTimes: 0 };
  const balancer: Balancer = {
    name: 'adaptive',
    build: ({ view, random }) => new AdaptivePicker(peakEwma().build(), view, random, new ReportPool(limits)),
  };
  return alone(named(setting), () => balancer);
}

export const reportPools: Scenario = {
  name: 'report-pools',
  title: 'How much a pool of reports holds, and for how long',
  about:
    'The balancer `adaptive` with other limits of its pool than its own, which are 16 reports and, with a mean service time of 10 ms, 100 service times. ' +
    'A hundred clients of a hundred servers with one worker each at 90 % load, Poisson arrivals and exponential service times; all servers report, and the truth. Times are in service times, without those on the network.',
  situations: DELAYS.map((delay) => ({
    name: away(delay),
    contenders: SETTINGS.map(withPool),
    options: steady({ servers: 100, load: 0.9, clients: 100, requests: 200_000, delay, reports: true }),
    quickShare: 0.3,
  })),
  measures: TIMES,
  claims: DELAYS.map((delay) => ({
    number: '8',
    text: `${away(delay)}: the worst of these means, as a multiple of the best`,
    of: (measured) => {
      const means = SETTINGS.map((setting) => measured(away(delay), named(setting), MEAN));
      return Math.max(...means) / Math.min(...means);
    },
    atMost: 1.05,
    decimals: 3,
  })),
  drawn: { measure: MEAN },
};
