import type { Call } from '../core/call.js';
import type { Ending } from '../core/gate.js';
import type { Random } from '../core/random.js';
import type { Verdict } from '../core/verdict.js';
import { RollingWindow } from './rolling-window.js';

/**
 * The circuit breaker as a state machine, without a timer and without a way to refuse: a gate around an
 * endpoint and a guard around a service add those.
 *
 *     closed --too many failures--> open --time--> half open --enough successes--> closed
 *                                     ^---------------a failure---------'
 *
 * Two signs open it. A share of failures finds the endpoint that fails half of the time; failures in a row
 * find the dead one of a service with little traffic, where a share would wait for ten requests. A body that
 * breaks off counts as a failure, and such bodies in a row are counted apart, because each of them was a
 * success when its headers came.
 *
 * Half open, a bounded number of trials pass and everybody else goes elsewhere or fails at once. A breaker that
 * makes the others wait for the trial lets all of them loose at once when it succeeds. A trial that never
 * reports is forgotten after a while, so that the breaker cannot stick.
 */

export interface BreakerSettings {
  readonly failureRatio: number;
  readonly minimumRequests: number;
  readonly windowMs: number;
  readonly consecutiveFailures: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly halfOpenTrials: number;
}

export type BreakerPhase = 'closed' | 'open' | 'halfOpen';

/** Who acts on what the breaker decides. */
export interface BreakerObserver {
  /** The phase changed. */
  entered(phase: BreakerPhase, nowMs: number): void;
  /** Half open, a trial began or was given back: `admits` may have changed. */
  trialsChanged(): void;
}

/** Reopening is spread by this much, so that the breakers of many processes do not try at one moment. */
const JITTER = 0.1;

export class BreakerState {
  phase: BreakerPhase = 'closed';
  /** When the phase ends by itself: open, when trials may begin; half open, when silent trials are forgotten. */
  changesAtMs = Number.POSITIVE_INFINITY;
  /** Openings since the last success: each one doubles the next. */
  openings = 0;
  consecutiveFailures = 0;
  readonly window: RollingWindow;
  private brokenBodies = 0;
  /** Results of attempts that began before this say nothing about the present. */
  private closedAtMs = 0;
  private trials: Call[] | undefined = undefined;
  private trialSuccesses = 0;

  constructor(
    private readonly settings: BreakerSettings,
    private readonly random: Random,
    private readonly observer: BreakerObserver,
  ) {
    this.window = new RollingWindow(settings.windowMs);
  }

  /** Whether one more attempt may begin. */
  get admits(): boolean {
    if (this.phase === 'closed') return true;
    return this.phase === 'halfOpen' && (this.trials?.length ?? 0) + this.trialSuccesses < this.settings.halfOpenTrials;
  }

  /** Does what is due by the time alone. */
  advance(nowMs: number): void {
    if (nowMs < this.changesAtMs) return;
    this.trials = [];
    this.changesAtMs = Number.POSITIVE_INFINITY;
    if (this.phase === 'open') {
      this.phase = 'halfOpen';
      this.trialSuccesses = 0;
      this.observer.entered('halfOpen', nowMs);
    } else {
      this.observer.trialsChanged();
    }
  }

  begin(call: Call, nowMs: number): void {
    if (this.phase !== 'halfOpen' || !this.admits) return;
    this.trials?.push(call);
    this.changesAtMs = nowMs + this.settings.openMs;
    this.observer.trialsChanged();
  }

  /** `startedMs` may be later than the attempt began, by the time that it took to be written. */
  settle(call: Call, verdict: Verdict, startedMs: number, nowMs: number): void {
    if (this.phase === 'closed') this.count(verdict, startedMs, nowMs);
    else if (this.phase === 'halfOpen' && this.takeTrial(call)) this.judgeTrial(verdict, nowMs);
  }

  /** `counted`: whether the attempt was settled as a success. */
  release(call: Call, ending: Ending, counted: boolean, startedMs: number, nowMs: number): void {
    if (this.phase === 'halfOpen' && this.takeTrial(call)) this.observer.trialsChanged();
    if (ending !== 'failed') {
      this.brokenBodies = 0;
      return;
    }
    if (!counted || this.phase !== 'closed' || startedMs < this.closedAtMs) return;
    this.window.recant(nowMs);
    this.brokenBodies++;
    if (this.brokenBodies >= this.settings.consecutiveFailures || this.ratioExceeded()) this.open(nowMs);
  }

  private count(verdict: Verdict, startedMs: number, nowMs: number): void {
    if (verdict === 'ignored' || startedMs < this.closedAtMs) return;
    if (verdict === 'success') {
      this.window.success(nowMs);
      this.consecutiveFailures = 0;
      this.openings = 0;
      return;
    }
    this.window.failure(nowMs);
    this.consecutiveFailures++;
    if (this.consecutiveFailures >= this.settings.consecutiveFailures || this.ratioExceeded()) this.open(nowMs);
  }

  /** Asked at failures alone: who has just answered is not cut off for it. */
  private ratioExceeded(): boolean {
    const { total, failures } = this.window;
    return total >= this.settings.minimumRequests && failures >= this.settings.failureRatio * total;
  }

  private takeTrial(call: Call): boolean {
    const place = this.trials?.indexOf(call) ?? -1;
    if (place < 0) return false;
    this.trials?.splice(place, 1);
    return true;
  }

  private judgeTrial(verdict: Verdict, nowMs: number): void {
    if (verdict === 'failure' || verdict === 'retryable') {
      this.open(nowMs);
      return;
    }
    if (verdict === 'success') {
      this.openings = 0;
      if (++this.trialSuccesses >= this.settings.halfOpenTrials) {
        this.close(nowMs);
        return;
      }
    }
    this.observer.trialsChanged();
  }

  private open(nowMs: number): void {
    const { openMs, maxOpenMs } = this.settings;
    const spread = 1 + JITTER * (2 * this.random.next() - 1);
    this.phase = 'open';
    this.changesAtMs = nowMs + Math.min(maxOpenMs, openMs * 2 ** this.openings++) * spread;
    this.trials = undefined;
    this.observer.entered('open', nowMs);
  }

  private close(nowMs: number): void {
    this.phase = 'closed';
    this.changesAtMs = Number.POSITIVE_INFINITY;
    this.closedAtMs = nowMs;
    this.trials = undefined;
    this.consecutiveFailures = 0;
    this.brokenBodies = 0;
    this.window.clear();
    this.observer.entered('closed', nowMs);
  }
}
