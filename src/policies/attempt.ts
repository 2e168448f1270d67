import type { AttemptRecord, Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import type { Reply } from '../core/reply.js';
import type { Verdict } from '../core/verdict.js';

/**
 * What all policies that send have in common.
 */

/** The time of the call as it was last read; the first policy that needs it reads it. */
export function timeOf(call: Call, clock: Clock): number {
  if (call.nowMs === 0) call.nowMs = clock.now();
  return call.nowMs;
}

/**
 * Tells the call what became of a try of it, for the policies above. Of several tries the one that came
 * furthest counts: what was sent once must not pass for unsent because a later try did not get that far.
 */
export function adopt(call: Call, fork: Call): void {
  call.endpoint = fork.endpoint;
  call.verdict = fork.verdict;
  call.sentMs = fork.sentMs;
  call.latencyMs = fork.latencyMs;
  if (fork.progress === 'answered' || call.progress === 'unsent') call.progress = fork.progress;
}

/** A try that failed, as it is kept for errors and events. */
export function attemptRecord(fork: Call, reply: Reply | undefined, error: unknown, verdict: Verdict, durationMs: number): AttemptRecord {
  const { endpoint } = fork;
  return {
    ...(endpoint === undefined ? {} : { endpoint: endpoint.id }),
    ...(reply === undefined ? { error } : { status: reply.status }),
    verdict,
    durationMs,
  };
}
