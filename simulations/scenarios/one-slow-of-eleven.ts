import { leastRequest, p2c, pendingRequests, roundRobin, standard } from '../../src/index.js';
import { always, at, normal, poisson } from '../../src/testing/simulation/index.js';
import type { Claim } from '../claim.js';
import { balancers, inStack, OURS, ours } from '../contenders.js';
import { type Contender, percentWithin, type Scenario } from '../scenario.js';
import { away, DELAYS } from '../steady.js';

const WITHIN_1S = '% within 1 s';

/** Eleven servers that answer after a delay, however much they have to do. */
const SERVICE_MS = 167;
const SERVER = { serviceMs: normal(SERVICE_MS, 5), workers: Number.POSITIVE_INFINITY };

const IN_STACK = 'ours in the standard stack';

const bare = { perCall: [] };

const contenders: readonly Contender[] = [
  { name: 'round robin', mesh: { defaults: { balancer: roundRobin(), policies: bare } }, published: { [WITHIN_1S]: '95' } },
  {
    name: 'least requests of two',
    mesh: { defaults: { balancer: p2c({ load: pendingRequests() }), policies: bare } },
    published: { [WITHIN_1S]: '99' },
  },
  { name: 'least requests of all', mesh: { defaults: { balancer: leastRequest(), policies: bare } } },
  { name: 'peak EWMA of two, p2c()', mesh: { defaults: { balancer: p2c(), policies: bare } }, published: { [WITHIN_1S]: '99.9' } },
  { name: 'peak EWMA of all', mesh: { defaults: { balancer: p2c({ fullScanUpTo: 16 }), policies: bare } } },
  ...balancers(OURS),
  inStack(IN_STACK, ours),
  { name: 'p2c() in the standard stack', mesh: { defaults: { balancer: p2c(), policies: standard() } } },
];

function slowServers(names: readonly string[], number: string, least: number): Pick<Scenario, 'claims' | 'measures' | 'situations'> {
  return {
    claims: DELAYS.flatMap((delay): Claim[] =>
      [OURS, IN_STACK].map((name) => ({
        number,
        text: `${away(delay)}: ${WITHIN_1S}, ${name}`,
        of: (measured) => measured(away(delay), name, WITHIN_1S),
        atLeast: least,
        decimals: 3,
      })),
    ),
    measures: [
      { name: WITHIN_1S, decimals: 3, of: (result) => percentWithin(result, 1_000) },
      { name: 'slower than 1 s', decimals: 0, of: (result) => result.requests - (percentWithin(result, 1_000) * result.requests) / 100 },
      { name: 'mean ms', decimals: 1, of: ({ latency }) => latency.meanMs },
      { name: 'p99 ms', decimals: 0, of: ({ latency }) => latency.p99Ms },
      { name: 'p99.9 ms', decimals: 0, of: ({ latency }) => latency.p999Ms },
    ],
    situations: DELAYS.map((delay) => ({
      name: away(delay),
      // What is published was measured with one slow server, and the network within one machine.
      contenders: names.length === 1 && delay === 0 ? contenders : contenders.map(({ name, mesh }) => ({ name, mesh })),
      options: {
        endpoints: [{ name: 'server', count: 11, ...SERVER }],
        arrivals: poisson(1_000),
        durationMs: 60_000,
        seriesMs: 500,
        network: { delayMs: delay * SERVICE_MS },
        events: names.flatMap((name) => [
          at(15_000, ({ endpoint }) => endpoint(name).setServiceMs(always(2_000))),
          at(45_000, ({ endpoint }) => endpoint(name).setServiceMs(SERVER.serviceMs)),
        ]),
      },
      troubleMs: [15_000, 45_000],
    })),
  };
}

/**
 * The experiment of "Beyond Round Robin: Load Balancing for Latency" (Buoyant, 2016). Its servers replayed latencies
 * with a median of 167 ms and a deviation of 5 ms.
 */
export const oneSlowOfEleven: Scenario = {
  name: 'one-slow-of-eleven',
  title: 'One slow server of eleven',
  about:
    'Eleven servers answer after about 167 ms (normal, 5 ms), however many requests they have. One client sends 1,000 requests a second for 60 s (Poisson). ' +
    'From 15 s to 45 s one of the servers takes 2 s. This is the experiment of Buoyant\'s "Beyond Round Robin" (2016); the published column has the numbers of that article. ' +
    'No request is cut off or repeated, except in the rows with the standard stack. Then the same with servers that are 0.05 and 0.5 of their usual time away, each way; the time of the network counts, and what is claimed was worked out without one.',
  ...slowServers(['server-1'], '12', 99.94),
};

/** The same with a second slow one, where two choices have to take a slow one whenever they draw both. */
export const twoSlowOfEleven: Scenario = {
  name: 'two-slow-of-eleven',
  title: 'Two slow servers of eleven',
  about:
    'As one slow server of eleven, with two of them slow. Two choices that are both slow leave no choice: that happens to 2/11 x 1/10 = 1.8 % of the picks. ' +
    'Nothing is published for it.',
  ...slowServers(['server-1', 'server-2'], '13', 99.85),
};
