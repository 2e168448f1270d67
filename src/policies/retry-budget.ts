import { knownKeys, numberIn } from '../core/options-check.js';

/**
 * Bounds retries by what succeeds, so that they cannot keep an overload alive.
 *
 * A service with capacity c and load l recovers from a stall only if l * (1 + r) < c, where r is the share of
 * retries. So r must be bounded by what the service achieves and not by what is asked of it: each success earns
 * `ratio` of a token, each retry costs one, and when nothing succeeds the tokens run out. There is no rate
 * that is always allowed (Finagle's ten a second, AWS's hundred tokens): ten thousand clients would have it
 * ten thousand times. The bucket is that of gRPC (gRFC A6, maxTokens 10, tokenRatio 0.1) without its
 * threshold; "Fixing retries with token buckets" (Brooker, 2022) derives it.
 */
export interface RetryBudgetOptions {
  /** Tokens that a success earns: the share of retries that may go on for ever. 0 to 1; default 0.1. */
  readonly ratio?: number | undefined;
  /** Tokens at the start, and the most that can be saved. At least 0; Infinity for no bound; default 10. */
  readonly tokens?: number | undefined;
}

/** A budget that several services may share: `retry({ budget })`. */
export interface RetryBudget {
  /** How many retries could be made now. */
  readonly tokens: number;
  /** A call succeeded. */
  credit(): void;
  /** Pays for one retry; false when there is not enough left. */
  take(): boolean;
  /** A retry that was paid for was not made. */
  refund(): void;
}

/**
 * Makes a retry budget, to be shared between services whose retries weigh on the same thing.
 *
 * @throws ConfigError for a ratio or a number of tokens out of range.
 * @example
 * const budget = retryBudget({ ratio: 0.05 });
 * createMesh({ discovery, services: {
 *   users: { policies: standard({ retry: { budget } }) },
 *   orders: { policies: standard({ retry: { budget } }) },
 * } });
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  knownKeys('retryBudget', options, ['ratio', 'tokens']);
  const ratio = numberIn('retryBudget.ratio', options.ratio ?? RATIO, 0, 1);
  return new TokenBucket(ratio, numberIn('retryBudget.tokens', options.tokens ?? TOKENS, 0, Number.POSITIVE_INFINITY));
}

/** The defaults, also where the budget is described by `retry`'s own options. */
export const RATIO = 0.1;
export const TOKENS = 10;

/** Ten tenths do not add up to 1 in binary fractions. */
const ROUNDING = 1e-9;

export class TokenBucket implements RetryBudget {
  tokens: number;

  constructor(
    private readonly ratio: number,
    private readonly capacity: number,
  ) {
    this.tokens = capacity;
  }

  credit(): void {
    this.add(this.ratio);
  }

  take(): boolean {
    if (this.tokens < 1 - ROUNDING) return false;
    this.tokens = Math.max(0, this.tokens - 1);
    return true;
  }

  refund(): void {
    this.add(1);
  }

  private add(tokens: number): void {
    if (this.tokens < this.capacity) this.tokens = Math.min(this.capacity, this.tokens + tokens);
  }
}
