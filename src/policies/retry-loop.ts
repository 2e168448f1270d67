import type { AttemptRecord, Call } from '../core/call.js';
import { type Continuation, extendable, followedBy, inTurn, rejected } from '../core/continuation.js';
import { MeshError, type MeshErrorCode } from '../core/errors.js';
import { reportFaultOnce } from '../core/events.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import type { Verdict } from '../core/verdict.js';
import { adopt, attemptRecord } from './attempt.js';
import { type Backoff, backoffMs } from './backoff.js';
import { discardSoon } from './discard.js';
import type { RetryPredicate } from './retry.js';
import { retryBoundUntilMs } from './retry-after.js';
import type { RetryBudget } from './retry-budget.js';
import { canSendBodyAgain, watchBody } from './single-use-body.js';
import { timeIsOver } from './timeout-errors.js';

/**
 * The loop behind `retry`, one for each service: try, judge, wait, try again.
 *
 * It is a chain of promise reactions and not an async function, because nearly every call is over after its
 * first try, and that try must cost no more than a fork of the call. The loop is our own: a
 * cockatiel retry sleeps through an abort and then sends once more.
 */

export interface RetrySettings {
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  readonly methods: ReadonlySet<string> | undefined;
  readonly retryOn: RetryPredicate | undefined;
}

/**
 * Refusals that another attempt meets again: the request or the service is at fault, or this process is. A
 * retry of what was refused to shed load would be the load that was shed.
 */
const FINAL: ReadonlySet<MeshErrorCode> = new Set<MeshErrorCode>([
  'ERR_MESH_CONFIG',
  'ERR_MESH_REQUEST',
  'ERR_MESH_UNKNOWN_HOST',
  'ERR_MESH_UNKNOWN_SERVICE',
  'ERR_MESH_DISCOVERY',
  'ERR_MESH_DISCOVERY_TIMEOUT',
  'ERR_MESH_QUEUE_FULL',
  'ERR_MESH_QUEUE_TIMEOUT',
  'ERR_MESH_CIRCUIT_OPEN',
  'ERR_MESH_UNAVAILABLE',
  'ERR_MESH_CLOSED',
]);

/** In place of a delay: the outcome stands. */
const NEVER = -1;

export function retryLoop(next: Send, scope: ServiceScope, settings: RetrySettings): Send {
  const loop = new RetryLoop(next, scope, settings);
  return extendable((after) => {
    const firstTry = followedBy(next, inTurn(loop, forParent(after)));
    return (call) => {
      if (call.cancelled) return rejected(call, call.cancelReason, after);
      loop.begin(call);
      return firstTry(call.fork(1));
    };
  });
}

/** What comes after the retry is about the call, and not about one try of it. */
function forParent(after: Continuation): Continuation {
  return {
    replied: (fork, reply) => after.replied(fork.parent as Call, reply),
    failed: (fork, error) => after.failed(fork.parent as Call, error),
  };
}

class RetryLoop implements Continuation {
  private readonly anotherTry: Send;

  constructor(
    next: Send,
    private readonly scope: ServiceScope,
    private readonly settings: RetrySettings,
  ) {
    this.anotherTry = followedBy(next, this);
  }

  begin(call: Call): void {
    call.nowMs = this.scope.clock.now();
    if (call.body !== undefined) watchBody(call);
  }

  replied(fork: Call, reply: Reply): Reply | Promise<Reply> {
    const call = fork.parent as Call;
    adopt(call, fork);
    if (call.cancelled) {
      reply.cancel(call.cancelReason);
      throw call.cancelReason;
    }
    const { verdict } = fork;
    if (this.settings.retryOn === undefined && verdict !== 'retryable') {
      if (verdict === 'success') this.settings.budget.credit();
      return reply;
    }
    const worthwhile = this.asked(fork, reply, undefined) ?? verdict === 'retryable';
    if (!worthwhile) {
      if (verdict === 'success') this.settings.budget.credit();
      return reply;
    }
    const nowMs = this.scope.clock.now();
    const failed = attemptRecord(fork, reply, undefined, verdict ?? 'retryable', nowMs - call.nowMs);
    const delayMs = this.delayBefore(call, fork, failed, nowMs);
    if (delayMs === NEVER) return reply;
    discardSoon(reply, this.scope);
    fork.record(failed);
    return this.again(call, fork, failed, delayMs);
  }

  failed(fork: Call, error: unknown): Promise<Reply> {
    const call = fork.parent as Call;
    adopt(call, fork);
    const nowMs = this.scope.clock.now();
    const worthwhile = !call.cancelled && (this.asked(fork, undefined, error) ?? isTransient(fork, error));
    const verdict: Verdict = fork.verdict ?? (worthwhile ? 'retryable' : 'ignored');
    const failed = attemptRecord(fork, undefined, error, verdict, nowMs - call.nowMs);
    const delayMs = worthwhile ? this.delayBefore(call, fork, failed, nowMs) : NEVER;
    // A refusal from above the balancer is no attempt, unless it ended a series of them.
    if (fork.verdict !== undefined || delayMs !== NEVER || call.past !== undefined) fork.record(failed);
    if (delayMs !== NEVER) return this.again(call, fork, failed, delayMs);
    throw call.cancelled ? call.cancelReason : error;
  }

  /** What the user's own rule says, where there is one. */
  private asked(fork: Call, reply: Reply | undefined, error: unknown): boolean | undefined {
    const { retryOn } = this.settings;
    if (retryOn === undefined) return undefined;
    try {
      return retryOn(reply === undefined ? { error } : { reply }, fork);
    } catch (fault) {
      reportFaultOnce(retryOn, 'retryOn', fault);
      return undefined;
    }
  }

  /**
   * How long to wait before the next try, or NEVER. Asks the budget last, so that it pays for nothing else
   * than retries, and before the wait, so that a hundred waiting calls have paid for a hundred retries.
   */
  private delayBefore(call: Call, fork: Call, failed: AttemptRecord, nowMs: number): number {
    const { methods, budget, backoff } = this.settings;
    if (fork.attempt >= this.attemptsOf(call)) return NEVER;
    const repeatable = methods === undefined ? call.idempotent : methods.has(call.method);
    if (!repeatable && fork.progress !== 'unsent') return NEVER;
    if (!canSendBodyAgain(call)) return NEVER;
    const { endpoints, random, events } = this.scope;
    const boundMs = retryBoundUntilMs(endpoints, call, fork.endpoint, nowMs) - nowMs;
    // Jitter comes on top of what a server asked for: all that it turned away would return at one moment.
    const delayMs = Math.max(0, boundMs) + backoffMs(fork.attempt, backoff, random);
    if (nowMs + delayMs >= call.deadlineMs) return NEVER;
    if (budget.take()) return delayMs;
    if (events.has('retryBudgetExhausted')) {
      events.emit('retryBudgetExhausted', { service: call.service, method: call.method, path: call.path, failed });
    }
    return NEVER;
  }

  private again(call: Call, fork: Call, failed: AttemptRecord, delayMs: number): Promise<Reply> {
    const { events, clock } = this.scope;
    const { service, method, path } = call;
    const { attempt } = fork;
    if (events.has('retry')) events.emit('retry', { service, method, path, attempt, delayMs, failed });
    return wait(call, delayMs, this.scope).then(
      () => {
        call.nowMs = clock.now();
        // A timer may be late: an attempt that starts after its deadline is work for nobody.
        if (call.nowMs < call.deadlineMs) return this.anotherTry(call.fork(attempt + 1));
        this.settings.budget.refund();
        throw timeIsOver(call, failed.error);
      },
      (reason) => {
        this.settings.budget.refund();
        throw reason;
      },
    );
  }

  private attemptsOf(call: Call): number {
    const { overrides } = call;
    if (overrides === undefined) return this.settings.attempts;
    return (overrides.retry as { attempts: number } | undefined)?.attempts ?? this.settings.attempts;
  }
}

/** A delay that ends when the call does. Its timer keeps the process alive: somebody waits for it. */
function wait(call: Call, delayMs: number, { clock }: ServiceScope): Promise<void> {
  return call.wait<void>((resolve) => {
    const timer = clock.setTimer(() => resolve(), delayMs);
    return () => timer.cancel();
  });
}

/**
 * Whether a failure may pass. A failure without a verdict came from above the balancer; it may pass if nothing
 * was sent and nobody refused for good.
 */
function isTransient(fork: Call, error: unknown): boolean {
  if (fork.verdict !== undefined) return fork.verdict === 'retryable';
  if (fork.progress !== 'unsent') return false;
  if (!(error instanceof MeshError)) return true;
  // The endpoint that a call is pinned to does not exist any more the second time.
  if (error.code === 'ERR_MESH_NO_ENDPOINT' && fork.pinned !== undefined) return false;
  return !FINAL.has(error.code);
}
