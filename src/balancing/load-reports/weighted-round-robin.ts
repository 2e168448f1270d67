import { durationMs, knownKeys, numberIn } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { WeightedRoundRobinPicker } from './weighted-round-robin-picker.js';

/** Options of `weightedRoundRobin`. The defaults are those of gRFC A58. */
export interface WeightedRoundRobinOptions {
  /** For how long an endpoint must have reported before its reports count, in milliseconds. From 0 to 3,600,000. Default 10,000. */
  readonly blackoutMs?: number | undefined;
  /** After how long without a report an endpoint's weight counts no more, in milliseconds. Above 0, Infinity for never. Default 180,000. */
  readonly expirationMs?: number | undefined;
  /** How often weights are worked out anew at most, in milliseconds. From 100 to 60,000. Default 1,000. */
  readonly updateMs?: number | undefined;
  /** How much utilization it stands for if all requests fail. From 0 (errors do not matter) to 1,000. Default 1. */
  readonly errorPenalty?: number | undefined;
}

/**
 * One endpoint after the other, as often as its own reports say that it can take: client-side weighted round robin
 * after gRFC A58, from the ORCA reports in ordinary answers. A server twice as large gets twice as much, without
 * anybody having written that down.
 *
 * An endpoint's weight is its rate over its utilization, where failures count as utilization; see reported-weights.ts.
 * One without a weight (it is new, silent, or its reports are too old) gets the mean of the others, and while fewer
 * than two have one, all get the same. A weight that an instance has from its registry multiplies all that: it is a
 * share on purpose, such as a canary's. Do not use it for an instance's size, which the reports know.
 *
 * It learns in seconds, so it suits a fleet whose machines differ. It sees no burst and no queue: endpoints that are
 * slow for a moment are what `p2c` is for.
 *
 * Reports may lie, or come from a machine that counts differently. So no weight counts as more than ten times the
 * median of all, or less than a tenth of it: the liar of three gets ten shares of twelve and not all of them, and who
 * says that it can take nothing still gets enough requests to say otherwise. (gRPC takes the mean for it, which one
 * liar moves as far as it likes.) This also bounds how many endpoints a pick looks at.
 *
 * Once per `updateMs`, the pick that comes first after it reads all weights, in time proportional to their number. A
 * change of one endpoint costs work for one.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, services: { thumbnails: { balancer: weightedRoundRobin() } } });
 */
export function weightedRoundRobin(options: WeightedRoundRobinOptions = {}): Balancer {
  knownKeys('weightedRoundRobin', options, ['blackoutMs', 'expirationMs', 'updateMs', 'errorPenalty']);
  const times = {
    blackoutMs: numberIn('weightedRoundRobin.blackoutMs', options.blackoutMs ?? 10_000, 0, 3_600_000, 'milliseconds'),
    expirationMs: durationMs('weightedRoundRobin.expirationMs', options.expirationMs ?? 180_000, { infinite: true }),
    updateMs: numberIn('weightedRoundRobin.updateMs', options.updateMs ?? 1_000, 100, 60_000, 'milliseconds'),
    errorPenalty: numberIn('weightedRoundRobin.errorPenalty', options.errorPenalty ?? 1, 0, 1_000),
  };
  return { name: 'weightedRoundRobin', build: ({ view, random }) => new WeightedRoundRobinPicker(times, view, random) };
}
