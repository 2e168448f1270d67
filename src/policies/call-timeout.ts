import type { Call } from '../core/call.js';
import { type Continuation, extendable, followedBy, hand, inTurn, sendSafely } from '../core/continuation.js';
import type { Deadline, DeadlineOwner } from '../core/deadline-queue.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import { timeOf } from './attempt.js';
import { watchIdleBody } from './body-idle.js';
import type { TimeoutOverride } from './timeout.js';
import { callTimedOut, deadlinePassed } from './timeout-errors.js';

/**
 * The times of a whole call: `timeoutMs` up to the headers that are handed over, `bodyIdleTimeoutMs` for the
 * body after that, and a `deadlineMs` for everything where the caller set one.
 *
 * A time that runs out cancels the call. The call knows what it is waiting for (a queue, a delay, the wire)
 * and stops that, which rejects; this policy only sets the time and calls it off.
 */
export function callTimeout(next: Send, scope: ServiceScope, timeoutMs: number, bodyIdleTimeoutMs: number): Send {
  const timeout = new CallTimeout(scope, timeoutMs, bodyIdleTimeoutMs);
  return extendable((after) => {
    const bounded = followedBy(next, inTurn(timeout, after));
    return (call) => {
      const { overrides } = call;
      const override = overrides === undefined ? undefined : (overrides.timeout as TimeoutOverride | undefined);
      if (override?.deadlineMs !== undefined) return hand(timeout.untilDeadline(call, override.deadlineMs, next), call, after);
      timeout.begin(call);
      return bounded(call);
    };
  });
}

class CallTimeout implements DeadlineOwner<Call>, Continuation {
  constructor(
    private readonly scope: ServiceScope,
    private readonly timeoutMs: number,
    private readonly bodyIdleTimeoutMs: number,
  ) {}

  /** Lets the call's time run. */
  begin(call: Call): void {
    const timeoutMs = this.timeoutMsOf(call);
    if (timeoutMs === Number.POSITIVE_INFINITY) return;
    const nowMs = timeOf(call, this.scope.clock);
    if (nowMs + timeoutMs < call.deadlineMs) call.deadlineMs = nowMs + timeoutMs;
    call.callDeadline?.cancel();
    call.callDeadline = this.scope.deadlines.set(timeoutMs, nowMs, this, call);
  }

  /** The answer is handed over: from now on only its body is watched. */
  replied(call: Call, reply: Reply): Reply {
    call.callDeadline?.cancel();
    if (call.cancelled) {
      reply.cancel(call.cancelReason);
      throw call.cancelReason;
    }
    if (reply.ending !== undefined) return reply;
    const idleTimeoutMs = (call.overrides?.timeout as TimeoutOverride | undefined)?.bodyIdleTimeoutMs ?? this.bodyIdleTimeoutMs;
    if (idleTimeoutMs !== Number.POSITIVE_INFINITY) {
      const { clock, deadlines } = this.scope;
      watchIdleBody(reply, call, idleTimeoutMs, clock, deadlines);
    }
    return reply;
  }

  failed(call: Call, error: unknown): never {
    call.callDeadline?.cancel();
    throw error;
  }

  expired(call: Call): void {
    call.cancel(callTimedOut(call, this.timeoutMsOf(call)));
  }

  /**
   * The deadline is a point on the wall clock, because it came from somebody else; from here on it is a
   * duration, so that a correction of that clock does not move it.
   */
  untilDeadline(call: Call, deadlineMs: number, next: Send): Promise<Reply> {
    const { clock, deadlines } = this.scope;
    const leftMs = deadlineMs - clock.wallTime();
    if (leftMs <= 0) return Promise.reject(deadlinePassed(call, deadlineMs, 'the call was not yet sent'));
    const nowMs = clock.now();
    call.nowMs = nowMs;
    if (nowMs + leftMs < call.deadlineMs) call.deadlineMs = nowMs + leftMs;
    const whole = new WholeCall(call, deadlineMs);
    const deadline = deadlines.set(leftMs, nowMs, whole, undefined);
    this.begin(call);
    return hand(sendSafely(next, call), call, this).then(
      (reply) => {
        whole.covers(reply, deadline);
        return reply;
      },
      (error) => {
        deadline.cancel();
        throw error;
      },
    );
  }

  private timeoutMsOf(call: Call): number {
    const { overrides } = call;
    if (overrides === undefined) return this.timeoutMs;
    return (overrides.timeout as TimeoutOverride | undefined)?.timeoutMs ?? this.timeoutMs;
  }
}

/** A call up to the last byte of its answer. */
class WholeCall implements DeadlineOwner<undefined> {
  private reply: Reply | undefined = undefined;

  constructor(
    private readonly call: Call,
    private readonly deadlineMs: number,
  ) {}

  covers(reply: Reply, deadline: Deadline): void {
    this.reply = reply;
    reply.onEnd(() => deadline.cancel());
  }

  expired(): void {
    if (this.reply === undefined) this.call.cancel(deadlinePassed(this.call, this.deadlineMs, 'the call had no answer'));
    else this.reply.cancel(deadlinePassed(this.call, this.deadlineMs, 'the body was not complete'));
  }
}
