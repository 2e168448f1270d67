import type { Call } from '../core/call.js';
import { sendSafely } from '../core/continuation.js';
import { MeshError, TimeoutError } from '../core/errors.js';
import type { Ending } from '../core/gate.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import type { Verdict } from '../core/verdict.js';
import { announceBreaker } from './breaker-events.js';
import { type BreakerObserver, type BreakerPhase, type BreakerSettings, BreakerState } from './breaker-state.js';

/**
 * A breaker around a whole service. It refuses calls, so it costs what a breaker per endpoint does not: the
 * calls that would have gone to the healthy part of a service that is broken in part (Brooker, "Will circuit
 * breakers solve my problems?", 2022). It needs no timer; the next call finds that the time is over.
 */
export class ServiceBreaker implements BreakerObserver {
  private readonly state: BreakerState;

  constructor(
    private readonly next: Send,
    private readonly scope: ServiceScope,
    settings: BreakerSettings,
  ) {
    this.state = new BreakerState(settings, scope.random, this);
  }

  readonly send = (call: Call): Promise<Reply> => {
    const { state, scope } = this;
    const startedMs = scope.clock.now();
    call.nowMs = startedMs;
    state.advance(startedMs);
    if (!state.admits) return Promise.reject(this.refusal(startedMs));
    state.begin(call, startedMs);
    return sendSafely(this.next, call).then(
      (reply) => {
        state.settle(call, call.verdict ?? 'ignored', startedMs, scope.clock.now());
        if (reply.ending === undefined) reply.onEnd((ending) => this.bodyOver(call, ending, startedMs));
        else this.bodyOver(call, reply.ending, startedMs);
        return reply;
      },
      (error) => {
        const nowMs = scope.clock.now();
        state.settle(call, verdictOfFailure(call, error), startedMs, nowMs);
        throw error;
      },
    );
  };

  entered(phase: BreakerPhase, nowMs: number): void {
    announceBreaker(this.scope, undefined, phase, this.state.changesAtMs - nowMs);
  }

  /** `send` asks each time. */
  trialsChanged(): void {}

  private bodyOver(call: Call, ending: Ending, startedMs: number): void {
    this.state.release(call, ending, call.verdict === 'success', startedMs, this.scope.clock.now());
  }

  private refusal(nowMs: number): MeshError {
    const { service } = this.scope;
    if (this.state.phase === 'open') {
      const retryAfterMs = this.state.changesAtMs - nowMs;
      const message = `its circuit breaker is open for another ${Math.ceil(retryAfterMs)} ms, because too many calls failed`;
      return new MeshError('ERR_MESH_CIRCUIT_OPEN', message, { service, retryAfterMs });
    }
    return new MeshError('ERR_MESH_CIRCUIT_OPEN', 'its circuit breaker is half open, and the calls that try it out are under way', {
      service,
    });
  }
}

/**
 * A caller who gave up counts for nobody, also when an attempt had failed before. A call whose time ran out is
 * a failure of the service, unless it ran out in a queue of this process.
 */
function verdictOfFailure(call: Call, error: unknown): Verdict {
  if (call.cancelled && !(call.cancelReason instanceof TimeoutError)) return 'ignored';
  if (call.verdict !== undefined) return call.verdict;
  return error instanceof TimeoutError && error.code !== 'ERR_MESH_QUEUE_TIMEOUT' ? 'failure' : 'ignored';
}
