import { ConfigError } from '../core/errors.js';
import { knownKeys, numberIn } from '../core/options-check.js';
import type { Random } from '../core/random.js';

/**
 * Exponential backoff with full jitter: before the nth retry, an evenly drawn time from 0 to
 * min(maxMs, baseMs * 2^(n-1)).
 *
 * Of the ways to draw it, full jitter makes the fewest requests for the same work and spreads clients that
 * failed together most evenly ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015; measured again
 * for 50 and 100 clients: half the requests of no jitter). No state: cockatiel's generators carry theirs from
 * one delay to the next, with a Math.random of their own.
 */
export interface BackoffOptions {
  /** The longest wait before the first retry, in milliseconds; doubles with each retry. At least 0; default 25. */
  readonly baseMs?: number | undefined;
  /** The longest wait of all, in milliseconds. At least `baseMs`; default 1,000. */
  readonly maxMs?: number | undefined;
}

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Envoy's base for retries: some round trips within a data centre. */
const BASE_MS = 25;
/** A second is a long time for whoever waits for the call, and longer waits do not help an overloaded server. */
const MAX_MS = 1_000;

/** Checks the options. A default gives way to the option that was given; two that were given must agree. */
export function backoffOptions(path: string, options: BackoffOptions = {}): Backoff {
  knownKeys(path, options, ['baseMs', 'maxMs']);
  const maxMs = options.maxMs === undefined ? undefined : numberIn(`${path}.maxMs`, options.maxMs, 0, MAX_BACKOFF_MS, 'milliseconds');
  const baseMs = numberIn(`${path}.baseMs`, options.baseMs ?? Math.min(BASE_MS, maxMs ?? BASE_MS), 0, MAX_BACKOFF_MS, 'milliseconds');
  if (maxMs !== undefined && baseMs > maxMs) throw new ConfigError(`${path}.baseMs`, `at most ${path}.maxMs (${maxMs})`, baseMs);
  return { baseMs, maxMs: maxMs ?? Math.max(MAX_MS, baseMs) };
}

/** An hour: more is a unit mistaken. */
const MAX_BACKOFF_MS = 3_600_000;

/** How long to wait before the nth retry, `retry` counting from 1. */
export function backoffMs(retry: number, { baseMs, maxMs }: Backoff, random: Random): number {
  return random.next() * Math.min(maxMs, baseMs * 2 ** (retry - 1));
}
