import type { Endpoint } from '../core/endpoint.js';
import { LOAD, LOAD_STAMP } from '../core/endpoint-view.js';
import { durationMs, knownKeys, numberIn } from '../core/options-check.js';
import type { Verdict } from '../core/verdict.js';
import { growthOf } from './decay.js';
import type { Load, LoadMeasure } from './load.js';

/**
 * Requests in flight, and lately failed ones as if they were.
 *
 * Counting only what is in flight has a trap: an endpoint that fails at once has nothing in flight and draws
 * the whole service's traffic. So each failure stands for `failureWeight` more requests in flight, and is
 * forgotten over `memoryMs`. Palantir's dialogue balances by the same sum; the 10 and the 30 s are its own.
 *
 * Failures count in whole requests. A remainder of 0.001 would otherwise decide between two idle endpoints, and
 * one failure would keep an endpoint from a quiet service's traffic for minutes; this way it is over after
 * memoryMs * ln(failureWeight), which is 69 s. And no more than ten failures are remembered: by then everything
 * goes elsewhere, and remembering a thousand would only delay the return.
 */

/** Options of `pendingRequests`. */
export interface PendingRequestsOptions {
  /** Over how many milliseconds a failure is forgotten to 1/e of itself. Above 0. Default 30,000. */
  readonly memoryMs?: number | undefined;
  /** How many requests in flight one failure stands for. From 0 (failures do not count) to 1,000. Default 10. */
  readonly failureWeight?: number | undefined;
}

/**
 * Measures load as the requests in flight plus the lately failed ones.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: p2c({ load: pendingRequests() }) } });
 */
export function pendingRequests(options: PendingRequestsOptions = {}): Load {
  knownKeys('pendingRequests', options, ['memoryMs', 'failureWeight']);
  const memoryMs = durationMs('pendingRequests.memoryMs', options.memoryMs ?? 30_000);
  const failureWeight = numberIn('pendingRequests.failureWeight', options.failureWeight ?? 10, 0, 1_000);
  return { name: 'pendingRequests', build: () => new PendingRequests(memoryMs, failureWeight) };
}

const MAX_FAILURES = 10;

/** Own copies: see lowest-cost.ts. */
const FAILURES = LOAD;
const STAMP = LOAD_STAMP;

class PendingRequests implements LoadMeasure {
  private readonly eighthPerMs: number;

  constructor(
    private readonly memoryMs: number,
    private readonly failureWeight: number,
  ) {
    this.eighthPerMs = 1 / 8 / memoryMs;
  }

  cost(cells: Float64Array, cell: number, inFlight: number, nowMs: number): number {
    const failures = cells[cell + FAILURES] as number;
    if (failures === 0) return inFlight + 1;
    const left = failures / growthOf((nowMs - (cells[cell + STAMP] as number)) * this.eighthPerMs);
    return inFlight + 1 + Math.floor(left * this.failureWeight);
  }

  settle(cells: Float64Array, cell: number, _endpoint: Endpoint, verdict: Verdict, _latencyMs: number, nowMs: number): void {
    if (verdict === 'success' || verdict === 'ignored') return;
    const failures = cells[cell + FAILURES] as number;
    const left = failures === 0 ? 0 : failures * Math.exp(((cells[cell + STAMP] as number) - nowMs) / this.memoryMs);
    cells[cell + FAILURES] = Math.min(left + 1, MAX_FAILURES);
    cells[cell + STAMP] = nowMs;
  }
}
