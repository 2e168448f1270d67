import { durationMs, knownKeys } from '../core/options-check.js';
import type { Load } from './load.js';
import { PeakEwma } from './peak-ewma.js';

/**
 * The latest latencies, of which a higher one counts four times as much as a lower one.
 *
 * A peak (peak-ewma.ts) is the worst of many samples, so it is higher where more samples come: of two equally fast
 * endpoints the busier one looks slower, by a factor of two between a hundred and ten thousand answers in the time of the
 * decay. Where many clients share the endpoints that is noise which sends each client to a few of them. A mean has no such
 * bias, but learns late that an endpoint has turned slow. This stands between: four slow answers move it by two thirds of
 * the way, and an endpoint that gives no answers at all is known by its silence, as with `peakEwma`. What it does about
 * failures and Retry-After is the same, too.
 *
 * Simulated (docs/simulations): one slow of eleven 99.947 % within a second where the peak has 99.945, two slow 99.87
 * where it has 99.87; a hundred clients of a hundred servers at 90 % load 8.7 service times where it has 9.3.
 */

/** Options of `latencyEwma`. */
export interface LatencyEwmaOptions {
  /** Over how many milliseconds without an answer a latency is forgotten to 1/e of itself. Above 0. Default 10,000. */
  readonly decayMs?: number | undefined;
  /** What an endpoint that keeps failing counts as, in milliseconds, if it takes no longer to fail. Above 0. Default 5,000. */
  readonly penaltyMs?: number | undefined;
}

/**
 * Measures load as a moving average of the latency, quick to rise and slow to fall, times the requests in flight.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: p2c({ load: latencyEwma() }) } });
 */
export function latencyEwma(options: LatencyEwmaOptions = {}): Load {
  knownKeys('latencyEwma', options, ['decayMs', 'penaltyMs']);
  const decayMs = durationMs('latencyEwma.decayMs', options.decayMs ?? 10_000);
  const penaltyMs = durationMs('latencyEwma.penaltyMs', options.penaltyMs ?? 5_000);
  return { name: 'latencyEwma', build: () => new LatencyEwma(decayMs, penaltyMs) };
}

/** How much of the difference a slower and a faster answer make. */
const RISE = 1 / 4;
const FALL = 1 / 16;

class LatencyEwma extends PeakEwma {
  protected override remembered(latencyMs: number, _decayedMs: number, observedMs: number): number {
    if (latencyMs === 0) return observedMs;
    return latencyMs + (observedMs - latencyMs) * (observedMs > latencyMs ? RISE : FALL);
  }
}
