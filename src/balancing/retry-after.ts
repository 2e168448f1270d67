import type { Clock } from '../core/clock.js';
import type { Reply } from '../core/reply.js';

/** A server that asks for more than this is believed this much; Linkerd and Envoy stop at the same. */
const LONGEST_MS = 300_000;

/**
 * For how long a reply asks to be left alone, in milliseconds; 0 when it does not. Retry-After is a number of
 * seconds or a date (RFC 9110 section 10.2.3); only the date needs the wall clock.
 */
export function retryAfterOf(reply: Reply, clock: Clock): number {
  const value = reply.header('retry-after')?.trim();
  if (value === undefined || value === '') return 0;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - clock.wallTime();
  return waitMs > 0 ? Math.min(waitMs, LONGEST_MS) : 0;
}
