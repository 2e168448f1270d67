import type { Call } from '../core/call.js';
import type { Timer } from '../core/clock.js';
import type { Ending, Gate, Shutter } from '../core/gate.js';
import type { EndpointScope } from '../core/policy.js';
import type { Verdict } from '../core/verdict.js';
import { announceBreaker } from './breaker-events.js';
import { type BreakerObserver, type BreakerPhase, type BreakerSettings, BreakerState } from './breaker-state.js';

/**
 * A breaker as a gate around one endpoint. The balancer does not see the endpoint while it is open, so an open
 * breaker costs no attempt; a timer, which keeps no process alive, lets it be seen again.
 *
 * Half open with all its trials under way it is shut as `busy` and not as `broken`: it is about to be known
 * again, and calls that have nowhere else to go may wait for that in a queue that bounds them.
 */
export class EndpointBreaker implements Gate, BreakerObserver {
  private readonly state: BreakerState;
  private timer: Timer | undefined = undefined;
  private disposed = false;

  constructor(
    settings: BreakerSettings,
    private readonly shutter: Shutter,
    private readonly scope: EndpointScope,
  ) {
    this.state = new BreakerState(settings, scope.random, this);
  }

  begin(call: Call, nowMs: number): void {
    this.state.begin(call, nowMs);
  }

  settle(verdict: Verdict, latencyMs: number, call: Call, nowMs: number): void {
    this.state.settle(call, verdict, nowMs - latencyMs, nowMs);
  }

  release(ending: Ending, call: Call): void {
    const nowMs = ending === 'failed' ? this.scope.clock.now() : call.nowMs;
    this.state.release(call, ending, call.verdict === 'success', call.sentMs, nowMs);
  }

  dispose(): void {
    this.disposed = true;
    this.timer?.cancel();
  }

  inspect(): unknown {
    const { state } = this;
    state.window.expire(this.scope.clock.now());
    return {
      phase: state.phase,
      requests: state.window.total,
      failures: state.window.failures,
      consecutiveFailures: state.consecutiveFailures,
      ...(state.phase === 'open' ? { opensAgainInMs: Math.max(0, state.changesAtMs - this.scope.clock.now()) } : {}),
    };
  }

  entered(phase: BreakerPhase, nowMs: number): void {
    if (phase === 'open') this.shutter.shut('broken', this.state.changesAtMs);
    else this.shutter.open();
    this.arm(nowMs);
    announceBreaker(this.scope, this.scope.endpoint.id, phase, this.state.changesAtMs - nowMs);
  }

  trialsChanged(): void {
    if (this.state.admits) this.shutter.open();
    else this.shutter.shut('busy');
    this.arm(this.scope.clock.now());
  }

  private arm(nowMs: number): void {
    this.timer?.cancel();
    this.timer = undefined;
    const { changesAtMs } = this.state;
    if (this.disposed || changesAtMs === Number.POSITIVE_INFINITY) return;
    this.timer = this.scope.clock.setTimer(() => this.due(), Math.max(0, changesAtMs - nowMs));
    this.timer.unref();
  }

  /** Node's timers may fire a fraction of a millisecond early by the clock; what was due is due. */
  private due(): void {
    this.state.advance(Math.max(this.state.changesAtMs, this.scope.clock.now()));
  }
}
