import { knownKeys, wholeNumberIn } from '../core/options-check.js';
import type { Balancer } from '../core/picker.js';
import { LowestCostPicker } from './lowest-cost.js';
import { pendingRequests } from './pending-requests.js';

/** Options of `leastRequest`. */
export interface LeastRequestOptions {
  /** How many distinct endpoints are drawn and compared on a large set. From 2 to 10, as in gRFC A48. Default 2. */
  readonly choices?: number | undefined;
  /** Up to how many endpoints all of them are compared. From 0 (never) to 1,024. Default 16. Ignored where weights differ. */
  readonly fullScanUpTo?: number | undefined;
}

/**
 * The endpoint with the fewest requests in flight, lately failed ones counted with them (pending-requests.ts).
 *
 * It suits requests that cost much and much the same, where what is in flight is the load (renderers, models). It
 * reacts at once and remembers nothing of latencies; where some endpoints are steadily slower, `p2c` does better.
 * Only this process's requests are known: with many clients of one service, each sees little of the load.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, services: { renderers: { balancer: leastRequest({ choices: 3 }) } } });
 */
export function leastRequest(options: LeastRequestOptions = {}): Balancer {
  knownKeys('leastRequest', options, ['choices', 'fullScanUpTo']);
  const choices = wholeNumberIn('leastRequest.choices', options.choices ?? 2, 2, 10);
  const fullScanUpTo = wholeNumberIn('leastRequest.fullScanUpTo', options.fullScanUpTo ?? 16, 0, 1_024);
  const load = pendingRequests();
  return { name: 'leastRequest', build: ({ view, random }) => new LowestCostPicker(load.build(), choices, fullScanUpTo, view, random) };
}
