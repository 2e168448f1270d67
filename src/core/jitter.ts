import type { Random } from './random.js';

/**
 * Keeps what many processes do now and then from being done by all of them at once. They fall into step by themselves:
 * a fleet is deployed together, sees a server restart together, and hears the last of one together.
 *
 * Only ever earlier, so that a time that somebody set is a bound.
 */
const SPREAD = 0.2;

/** A time from four fifths of `ms` to `ms`, by chance. */
export function jittered(ms: number, random: Random): number {
  return ms * (1 - SPREAD * random.next());
}
