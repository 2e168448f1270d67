import type { Call } from '../core/call.js';
import { type Continuation, extendable, followedBy, inTurn } from '../core/continuation.js';
import type { DeadlineOwner } from '../core/deadline-queue.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import type { TimeoutOverride } from './timeout.js';
import { attemptTimedOut } from './timeout-errors.js';

/**
 * The time of one try, up to its headers. What it cancels is the try that retry made, so that retry sees a
 * failed attempt of a call that goes on; without a retry above it the try is the call.
 */
export function attemptTimeout(next: Send, scope: ServiceScope, timeoutMs: number, deadlineHeader: string | undefined): Send {
  const timeout = new AttemptTimeout(scope, timeoutMs, deadlineHeader);
  return extendable((after) => {
    const timed = followedBy(next, inTurn(timeout, after));
    const untimed = followedBy(next, after);
    return (call) => (timeout.begin(call) ? timed(call) : untimed(call));
  });
}

class AttemptTimeout implements DeadlineOwner<Call>, Continuation {
  constructor(
    private readonly scope: ServiceScope,
    private readonly timeoutMs: number,
    private readonly deadlineHeader: string | undefined,
  ) {}

  /** Lets the time of a try run. False for one that needs none. */
  begin(call: Call): boolean {
    const timeoutMs = this.timeoutMsOf(call);
    // Read anew: whatever stands above may have waited, and that was not this try's time.
    const nowMs = this.scope.clock.now();
    call.nowMs = nowMs;
    if (this.deadlineHeader !== undefined) this.passOn(this.deadlineHeader, call, Math.min(timeoutMs, call.deadlineMs - nowMs));
    // A try that outlasts its call would be cut off by the call's own time: one timer less.
    if (timeoutMs === Number.POSITIVE_INFINITY || nowMs + timeoutMs > call.deadlineMs) return false;
    call.attemptDeadline?.cancel();
    call.attemptDeadline = this.scope.deadlines.set(timeoutMs, nowMs, this, call);
    return true;
  }

  replied(call: Call, reply: Reply): Reply {
    call.attemptDeadline?.cancel();
    if (!call.cancelled) return reply;
    // Somebody below did not hear that the try is over.
    reply.cancel(call.cancelReason);
    call.verdict = 'retryable';
    throw call.cancelReason;
  }

  failed(call: Call, error: unknown): never {
    call.attemptDeadline?.cancel();
    throw error;
  }

  expired(call: Call): void {
    call.cancel(attemptTimedOut(call, this.timeoutMsOf(call)));
  }

  /**
   * A duration and not a point in time, because the clocks of two machines differ (gRPC's grpc-timeout and
   * Envoy's x-envoy-expected-rq-timeout-ms are durations too).
   */
  private passOn(header: string, call: Call, leftMs: number): void {
    if (leftMs !== Number.POSITIVE_INFINITY) call.setHeader(header, String(Math.max(0, Math.floor(leftMs))));
  }

  private timeoutMsOf(call: Call): number {
    const { overrides } = call;
    if (overrides === undefined) return this.timeoutMs;
    return (overrides.timeout as TimeoutOverride | undefined)?.attemptTimeoutMs ?? this.timeoutMs;
  }
}
