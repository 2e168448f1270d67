import { grown } from '../../core/grown.js';
import type { LoadReport } from './load-report.js';

/**
 * What the endpoints' reports say of how much each can take, by slot: gRFC A58's weight
 *
 *     requests per second / (utilization + errors per second / requests per second * errorPenalty)
 *
 * which is the rate that an endpoint would have at a utilization of 1, were both to grow in proportion. The
 * utilization is the application's where it says one, else the CPU's.
 *
 * A weight counts only once the endpoint has reported for `blackoutMs`, because the first numbers of a process that
 * warms up say little of what it will do. After `expirationMs` without a report it counts no more, and the next
 * report begins anew. gRPC notices the gap as it looks weights up; here the report notices it, so that a client that
 * asks nothing for an hour begins anew as well.
 */

/** What a weight is made with, and when it counts: see `WeightedRoundRobinOptions`. */
export interface WeightTimes {
  readonly blackoutMs: number;
  readonly expirationMs: number;
  readonly errorPenalty: number;
}

/** Numbers to a slot. */
const NUMBERS = 3;
const WEIGHT = 0;
/** When the latest report came, and when the first of an unbroken row of them. Before any it is never. */
const LATEST = 1;
const FIRST = 2;

/** What no server's weight can be. Within it, sums and products of weights stay exact enough and finite. */
const SMALLEST = 1e-9;
const LARGEST = 1e12;

export class ReportedWeights {
  private numbers = new Float64Array(NUMBERS * 4);

  constructor(private readonly times: WeightTimes) {}

  /** A report came from the endpoint in `slot`. One without a rate or a utilization says nothing of a weight. */
  learn(slot: number, report: LoadReport, nowMs: number): void {
    const weight = weightOf(report, this.times.errorPenalty);
    if (!(weight >= SMALLEST && weight <= LARGEST)) return;
    const { numbers } = this;
    const at = slot * NUMBERS;
    if (nowMs - (numbers[at + LATEST] as number) >= this.times.expirationMs || numbers[at + FIRST] === NEVER) numbers[at + FIRST] = nowMs;
    numbers[at + LATEST] = nowMs;
    numbers[at + WEIGHT] = weight;
  }

  /** The weight of the endpoint in `slot`, or 0 while it has none that counts. */
  at(slot: number, nowMs: number): number {
    const { numbers } = this;
    const at = slot * NUMBERS;
    if (nowMs - (numbers[at + LATEST] as number) >= this.times.expirationMs) return 0;
    // So that a first report that never was keeps the weight out also where there is no blackout.
    if (!(nowMs - (numbers[at + FIRST] as number) >= this.times.blackoutMs)) return 0;
    return numbers[at + WEIGHT] as number;
  }

  /** The endpoint in `slot` was out of use: its next report is its first one. */
  restart(slot: number): void {
    this.numbers[slot * NUMBERS + FIRST] = NEVER;
  }

  /** Another endpoint is in `slot`: nothing is known of it. */
  clear(slot: number): void {
    const at = slot * NUMBERS;
    this.numbers = grown(this.numbers, at + NUMBERS);
    this.numbers[at + WEIGHT] = 0;
    this.numbers[at + LATEST] = NEVER;
    this.numbers[at + FIRST] = NEVER;
  }
}

/** Any time is before it, so that nothing was ever long enough ago. */
const NEVER = Number.POSITIVE_INFINITY;

function weightOf(report: LoadReport, errorPenalty: number): number {
  const { applicationUtilization, cpuUtilization, requestsPerSecond, errorsPerSecond } = report;
  const utilization = applicationUtilization > 0 ? applicationUtilization : cpuUtilization;
  if (!(utilization > 0 && requestsPerSecond > 0)) return 0;
  const errorRatio = errorsPerSecond > 0 ? errorsPerSecond / requestsPerSecond : 0;
  return requestsPerSecond / (utilization + errorRatio * errorPenalty);
}
