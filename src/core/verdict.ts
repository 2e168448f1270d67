import type { Call } from './call.js';
import type { Reply } from './reply.js';

/**
 * What an attempt amounted to. It is decided once, by one classifier, and read by retry, breaker, load
 * and metrics alike, so that they cannot disagree.
 *
 * - `success`: the endpoint did its work. Most 4xx are successes: the request was at fault.
 * - `failure`: the endpoint failed, and the same request is likely to fail elsewhere (500).
 * - `retryable`: the endpoint failed, and another one may well do better (503, a lost connection).
 * - `ignored`: says nothing about the endpoint (the caller gave up).
 */
export type Verdict = 'success' | 'failure' | 'retryable' | 'ignored';

/** How one attempt ended: with a reply (its headers at least), or with an error before that. */
export type Outcome = { readonly reply: Reply; readonly error?: undefined } | { readonly reply?: undefined; readonly error: unknown };

/** Decides the verdict of an attempt. Returning `undefined` leaves the decision to the default one. */
export type Classifier = (outcome: Outcome, call: Call) => Verdict | undefined;

/**
 * The verdict on a status: 502, 503, 504, 408 and 429 are worth another try (RFC 9110 sections 15.5.9 and
 * 15.6.3 to 15.6.5, RFC 6585 section 4), other 5xx are failures, everything else is a success.
 */
export function verdictOfStatus(status: number): Verdict {
  if (status < 500) return status === 429 || status === 408 ? 'retryable' : 'success';
  return status === 502 || status === 503 || status === 504 ? 'retryable' : 'failure';
}
