import type { FleetResults } from './fleet.js';
import type { FleetContender } from './fleet-contenders.js';
import { table } from './table.js';
import type { Target } from './targets.js';

/** The fleet benchmark's part of the page. */

/** What the project has set itself: how adaptive's 99th percentile compares with another's, in one of the set-ups. */
const BOUNDS: readonly { readonly setUp: number; readonly to: FleetContender; readonly most: number }[] = [
  { setUp: 0, to: 'round-robin', most: 0.2 },
  { setUp: 0, to: 'least-request', most: 0.2 },
  { setUp: 2, to: 'p2c-peak-ewma', most: 0.7 },
];

export function fleetTargets(fleets: readonly FleetResults[]): Target[] {
  return BOUNDS.map(({ setUp, to, most }) => {
    const { results = [], setUp: described } = fleets[setUp] ?? {};
    const of = (contender: FleetContender) => results.find((each) => each.contender === contender);
    const ratio = (of('adaptive')?.p99Ms ?? Number.NaN) / (of(to)?.p99Ms ?? Number.NaN);
    return {
      what: `${described?.name}: p99 of adaptive to that of ${of(to)?.name}`,
      wanted: `at most ${most}`,
      measured: ratio.toFixed(2),
      met: ratio <= most,
    };
  });
}

export function fleetLines(fleets: readonly FleetResults[]): string[] {
  return [
    '### A fleet over real sockets',
    '',
    'HTTP servers on the loopback interface whose work is a queue and a timer, and requests that come by themselves (an open loop); a request takes from when it was due to the end of its answer. All servers put load reports into their answers. Rounds of the contenders are interleaved, with new processes each time and the same arrivals and service times in each round. Requests that were sent later than about a millisecond after they were due tell of a client without enough of its core.',
    '',
    ...fleets.flatMap(({ setUp: { name, about }, results, serverShare }) => [
      `**${name}.** ${about} The process of the servers used ${(serverShare * 100).toFixed(0)} % of its core.`,
      '',
      ...table(
        ['', 'p50 ms', 'p99 ms', 'p99 of the rounds', 'p99.9 ms', 'Mean ms', 'Sent late ms', 'Requests', 'Failed'],
        results.map((result) => [
          result.name,
          result.p50Ms.toFixed(1),
          result.p99Ms.toFixed(0),
          range(result.p99OfRoundsMs),
          result.p999Ms.toFixed(0),
          result.meanMs.toFixed(1),
          result.lateMs.toFixed(1),
          String(result.requests),
          String(result.failed),
        ]),
      ),
    ]),
  ];
}

function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
}
