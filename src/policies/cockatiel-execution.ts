import type { Call, Cancellable } from '../core/call.js';
import { sendSafely } from '../core/continuation.js';
import { MeshError, TimeoutError } from '../core/errors.js';
import type { Level, Send, ServiceScope } from '../core/policy.js';
import { Reply } from '../core/reply.js';
import { type Verdict, verdictOfStatus } from '../core/verdict.js';
import { adopt, attemptRecord, timeOf } from './attempt.js';
import { discardSoon } from './discard.js';
import type { CockatielPolicy } from './from-cockatiel.js';
import { canSendBodyAgain, watchBody } from './single-use-body.js';

/** An answer that failed, as a cockatiel policy sees it: `handleWhen((error) => error instanceof FailedReply && error.status === 503)`. */
export class FailedReply extends Error {
  override name = 'FailedReply';
  /** The answer's status. */
  readonly status: number;
  constructor(
    readonly reply: Reply,
    readonly verdict: Verdict,
  ) {
    super(`the answer was ${reply.status}`);
    this.status = reply.status;
  }
}

/** One run of the policy's function, and the failure that the policy was shown. */
interface Run {
  readonly fork: Call;
  readonly startedMs: number;
  error: unknown;
  verdict: Verdict | undefined;
}

/**
 * One call on its way through a cockatiel policy.
 *
 * Each run of the policy's function is a fork of the call, so that a timeout of the policy's cancels a try and
 * not the call. The promise of the call is separate from the policy's, because cockatiel does not hear an abort
 * while it waits between retries or in a bulkhead's queue; here the caller hears of it at once, and what the
 * policy still does comes to nothing.
 */
export class CockatielExecution implements Cancellable {
  private over = false;
  private sends = 0;
  /** Under way, or undefined. */
  private running: Run | undefined = undefined;
  /** Failed, and it is the policy's turn to decide what that means; or undefined. */
  private failure: Run | undefined = undefined;

  constructor(
    private readonly call: Call,
    private readonly next: Send,
    private readonly scope: ServiceScope & { readonly level: Level },
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  run(policy: CockatielPolicy): void {
    timeOf(this.call, this.scope.clock);
    watchBody(this.call);
    this.call.waitsFor(this);
    try {
      policy
        .execute((context) => this.send(context.signal), this.call.signal)
        .then(
          (outcome) => this.succeeded(outcome),
          (error) => this.failed(error),
        );
    } catch (error) {
      this.failed(error);
    }
  }

  cancel(reason: unknown): void {
    this.finish(undefined, reason);
  }

  /** What the policy executes. */
  private send(signal: AbortSignal): Promise<Reply> {
    const { call, failure } = this;
    if (this.over || call.cancelled) return Promise.reject(call.cancelled ? call.cancelReason : failure?.error);
    if (signal.aborted) return Promise.reject(signal.reason);
    if (failure !== undefined) {
      if (!this.mayRepeat(failure.fork)) {
        this.failed(failure.error);
        return Promise.reject(failure.error);
      }
      this.putAside(failure);
    }
    this.sends++;
    const fork = call.fork(call.parent === undefined ? this.sends : call.attempt);
    fork.endpoint = call.endpoint;
    fork.nowMs = this.scope.clock.now();
    const run: Run = { fork, startedMs: fork.nowMs, error: undefined, verdict: undefined };
    this.running = run;
    const stop = cancelOnAbort(fork, signal, call);
    return sendSafely(this.next, fork).then(
      (reply) => {
        stop();
        const verdict = fork.verdict ?? verdictOfStatus(reply.status);
        if (!this.over && (verdict === 'success' || verdict === 'ignored')) {
          this.came(fork);
          return reply;
        }
        throw this.note(run, new FailedReply(reply, verdict), verdict);
      },
      (error) => {
        stop();
        throw this.note(run, error, fork.verdict ?? 'retryable');
      },
    );
  }

  private came(fork: Call): void {
    this.running = undefined;
    adopt(this.call, fork);
    // The fork is over: between runs it is this execution that hears an abort.
    this.call.waitsFor(this);
  }

  private note(run: Run, error: unknown, verdict: Verdict): unknown {
    if (this.over) {
      if (error instanceof FailedReply) discardSoon(error.reply, this.scope);
      return error;
    }
    this.came(run.fork);
    run.error = error;
    run.verdict = verdict;
    this.failure = run;
    return error;
  }

  /** The same rule as `retry`'s: idempotent, or never sent; and with a body that can be sent again. */
  private mayRepeat(fork: Call): boolean {
    return (this.call.idempotent || fork.progress === 'unsent') && canSendBodyAgain(this.call);
  }

  /** The failure was not the end of the story: lets go of its answer, and has the next try go elsewhere. */
  private putAside(failure: Run): void {
    this.failure = undefined;
    if (failure.error instanceof FailedReply) discardSoon(failure.error.reply, this.scope);
    if (this.scope.level !== 'endpoint') this.record(failure, failure.error);
  }

  private record({ fork, startedMs, verdict }: Run, error: unknown): void {
    const reply = error instanceof FailedReply ? error.reply : undefined;
    fork.record(attemptRecord(fork, reply, error, verdict ?? 'ignored', this.scope.clock.now() - startedMs));
  }

  private succeeded(outcome: unknown): void {
    if (!(outcome instanceof Reply)) {
      const message = `${this.policyName()} ended with something that is no reply: its fallbacks cannot stand in for one`;
      this.finish(undefined, new MeshError('ERR_MESH_CONFIG', message, { service: this.call.service }));
    } else if (this.over) {
      discardSoon(outcome, this.scope);
    } else {
      this.finish(outcome, undefined);
    }
  }

  private failed(error: unknown): void {
    const { call, failure, running } = this;
    // A timeout of the policy's may be faster than the try that it cut off: what that sent is sent.
    if (running !== undefined && !this.over) adopt(call, running.fork);
    if (call.cancelled) {
      this.cancel(call.cancelReason);
    } else if (error instanceof FailedReply && error === failure?.error) {
      this.failure = undefined;
      this.finish(error.reply, undefined);
    } else {
      this.finish(undefined, this.refusal(error));
    }
  }

  /** Settles the call, once. An answer that was kept for the policy's decision and is not handed over is let go. */
  private finish(reply: Reply | undefined, reason: unknown): void {
    if (this.over) return;
    this.over = true;
    if (reply !== undefined) {
      // From here on, what there is to cancel is the body.
      this.call.waitsFor(reply);
      this.resolve(reply);
      return;
    }
    const { failure, running } = this;
    if (failure?.error instanceof FailedReply) discardSoon(failure.error.reply, this.scope);
    // Inside a retry, the retry records.
    if (this.call.parent === undefined && this.scope.level !== 'endpoint') {
      if (failure !== undefined) this.record(failure, failure.error);
      else if (running !== undefined) this.record(running, reason);
    }
    this.reject(reason);
  }

  /** cockatiel's own errors in the words of the mesh; told by their marks, so that any copy of cockatiel will do. */
  private refusal(error: unknown): unknown {
    if (typeof error !== 'object' || error === null) return error;
    const { call } = this;
    const init = { service: call.service, cause: error };
    if ('isTaskCancelledError' in error) {
      call.verdict = 'retryable';
      const code = this.scope.level === 'call' ? 'ERR_MESH_TIMEOUT' : 'ERR_MESH_ATTEMPT_TIMEOUT';
      return new TimeoutError(code, `${this.policyName()} timed out`, init);
    }
    if ('isBrokenCircuitError' in error || 'isBulkheadRejectedError' in error) {
      call.verdict = 'retryable';
      const why = 'isBrokenCircuitError' in error ? 'its breaker is open' : 'its bulkhead is full';
      return new MeshError('ERR_MESH_UNAVAILABLE', `${this.policyName()} refused the call: ${why}`, init);
    }
    return error;
  }

  private policyName(): string {
    return `a cockatiel policy at the level '${this.scope.level}'`;
  }
}

/** A policy's timeout aborts its signal. The call's own cancelling reaches the fork without one. */
function cancelOnAbort(fork: Call, signal: AbortSignal, call: Call): () => void {
  if (signal === call.signal) return nothing;
  const abort = () => {
    if (call.cancelled) return;
    fork.cancel(
      new TimeoutError('ERR_MESH_ATTEMPT_TIMEOUT', 'a cockatiel policy cancelled the attempt', {
        service: call.service,
        cause: signal.reason,
      }),
    );
  };
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}

function nothing(): void {}
