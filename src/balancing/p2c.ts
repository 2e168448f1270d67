import { ConfigError } from '../core/errors.js';
import { knownKeys, wholeNumberIn } from '../core/options-check.js';
import type { Balancer } from '../core/picker.js';
import type { Load } from './load.js';
import { LowestCostPicker } from './lowest-cost.js';
import { peakEwma } from './peak-ewma.js';

/** Options of `p2c`. */
export interface P2cOptions {
  /** What endpoints are compared by. Default `peakEwma()`. */
  readonly load?: Load | undefined;
  /** Up to how many endpoints all of them are compared instead of two. From 0 (never) to 64. Default 4. Ignored where weights differ. */
  readonly fullScanUpTo?: number | undefined;
}

/**
 * The power of two choices: draws two endpoints and takes the one with less load. The default, with the latest
 * latency peak times the requests in flight as the load.
 *
 * What a second choice buys is most of what all choices would (lowest-cost.ts), at a cost that does not grow with
 * the number of endpoints. Up to four are all compared: one slow endpoint of three is then never picked, where two
 * choices would still let it through whenever the only other one drawn is slow too.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: p2c() }, services: { search: { balancer: p2c({ load: pendingRequests() }) } } });
 */
export function p2c(options: P2cOptions = {}): Balancer {
  knownKeys('p2c', options, ['load', 'fullScanUpTo']);
  const load = options.load ?? peakEwma();
  const fullScanUpTo = wholeNumberIn('p2c.fullScanUpTo', options.fullScanUpTo ?? 4, 0, 64);
  if (typeof load?.build !== 'function') throw new ConfigError('p2c.load', 'a measure of load, such as peakEwma()', load);
  return { name: 'p2c', build: ({ view, random }) => new LowestCostPicker(load.build(), 2, fullScanUpTo, view, random) };
}
