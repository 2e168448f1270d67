import type { Random } from '../core/random.js';

/**
 * The waits between two attempts to reach a registry: exponential backoff with full jitter (Brooker, "Exponential
 * Backoff And Jitter", AWS Architecture Blog 2015), so that a fleet that lost its registry together does not come
 * back together.
 */

/** The most that the first wait takes. */
const FIRST_MS = 100;
/** The most that any wait takes: a registry that is back is found within this. */
const LONGEST_MS = 5_000;

export class Backoff {
  private failures = 0;

  private readonly longestMs: number;

  /** @param boundMs what no wait takes longer than; 5 s at most, which is the default. */
  constructor(
    private readonly random: Random,
    boundMs = LONGEST_MS,
  ) {
    this.longestMs = Math.min(boundMs, LONGEST_MS);
  }

  /** How long to wait before the next attempt, now that one more has failed. */
  nextMs(): number {
    const boundMs = Math.min(this.longestMs, FIRST_MS * 2 ** this.failures);
    if (boundMs < this.longestMs) this.failures++;
    return boundMs * this.random.next();
  }

  /** An attempt succeeded: the next failure is a first one. */
  reset(): void {
    this.failures = 0;
  }
}
