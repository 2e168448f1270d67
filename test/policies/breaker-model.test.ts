import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Call } from '../../src/core/call.js';
import type { Verdict } from '../../src/core/verdict.js';
import { BreakerState } from '../../src/policies/breaker-state.js';
import { callOf } from '../support/fake-send.js';

/**
 * The breaker against a model that keeps every result it ever saw and computes everything anew: slow, plain,
 * and written from the description alone.
 */

const settings = {
  failureRatio: 0.5,
  minimumRequests: 6,
  windowMs: 1_000,
  consecutiveFailures: 4,
  openMs: 300,
  maxOpenMs: 1_000,
  halfOpenTrials: 2,
};

class Model {
  phase: 'closed' | 'open' | 'halfOpen' = 'closed';
  private since = 0;
  private history: { readonly ms: number; readonly ok: boolean }[] = [];
  private openings = 0;
  private trials: Call[] = [];
  private successes = 0;
  private lastTrialMs = 0;
  private openForMs = 0;

  get admits(): boolean {
    return this.phase === 'closed' || (this.phase === 'halfOpen' && this.trials.length + this.successes < settings.halfOpenTrials);
  }

  pass(nowMs: number): void {
    if (this.phase === 'open' && nowMs >= this.since + this.openForMs) this.enter('halfOpen', nowMs);
    if (this.phase === 'halfOpen' && this.lastTrialMs > 0 && nowMs >= this.lastTrialMs + settings.openMs) {
      this.trials = [];
      this.lastTrialMs = 0;
    }
  }

  begin(call: Call, nowMs: number): void {
    if (this.phase !== 'halfOpen' || !this.admits) return;
    this.trials.push(call);
    this.lastTrialMs = nowMs;
  }

  settle(call: Call, verdict: Verdict, startedMs: number, nowMs: number): void {
    const ok = verdict === 'success';
    if (this.phase === 'closed') {
      if (verdict === 'ignored' || startedMs < this.since) return;
      this.history.push({ ms: nowMs, ok });
      if (ok) this.openings = 0;
      else if (this.tooMany(nowMs)) this.enter('open', nowMs);
    } else if (this.phase === 'halfOpen' && this.trials.includes(call)) {
      this.trials = this.trials.filter((each) => each !== call);
      if (verdict === 'ignored') return;
      if (ok) {
        this.openings = 0;
        if (++this.successes === settings.halfOpenTrials) this.enter('closed', nowMs);
      } else {
        this.enter('open', nowMs);
      }
    }
  }

  private tooMany(nowMs: number): boolean {
    const bucketMs = settings.windowMs / 10;
    const recent = this.history.filter(({ ms }) => Math.floor(ms / bucketMs) > Math.floor(nowMs / bucketMs) - 10);
    const failures = recent.filter(({ ok }) => !ok).length;
    const lastOk = this.history.findLastIndex(({ ok }) => ok);
    return (
      this.history.length - 1 - lastOk >= settings.consecutiveFailures ||
      (recent.length >= settings.minimumRequests && failures >= recent.length / 2)
    );
  }

  private enter(phase: 'closed' | 'open' | 'halfOpen', nowMs: number): void {
    this.phase = phase;
    this.since = nowMs;
    this.history = [];
    this.trials = [];
    this.successes = 0;
    this.lastTrialMs = 0;
    if (phase === 'open') this.openForMs = Math.min(settings.maxOpenMs, settings.openMs * 2 ** this.openings++);
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('begin' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('settle' as const),
      which: fc.nat(),
      verdict: fc.constantFrom<Verdict>('success', 'success', 'failure', 'retryable', 'ignored'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400 }) }) },
);

describe('the breaker, whatever happens', () => {
  it('does what the model does', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 100, maxLength: 300, size: 'max' }), (steps) => {
        const breaker = new BreakerState(settings, { next: () => 0.5 }, { entered: (phase) => seen.add(phase), trialsChanged() {} });
        const model = new Model();
        const underWay: { readonly call: Call; readonly startedMs: number }[] = [];
        let nowMs = 1;
        for (const each of steps) {
          if (each.does === 'pass') {
            nowMs += each.ms;
            breaker.advance(nowMs);
            model.pass(nowMs);
          } else if (each.does === 'begin') {
            if (!breaker.admits) continue;
            const call = callOf();
            underWay.push({ call, startedMs: nowMs });
            breaker.begin(call, nowMs);
            model.begin(call, nowMs);
          } else if (underWay.length > 0) {
            const [one] = underWay.splice(each.which % underWay.length, 1);
            if (one === undefined) continue;
            breaker.settle(one.call, each.verdict, one.startedMs, nowMs);
            model.settle(one.call, each.verdict, one.startedMs, nowMs);
          }
          assert.equal(breaker.phase, model.phase);
          assert.equal(breaker.admits, model.admits);
        }
      }),
      { numRuns: 200 },
    );
    assert.deepEqual([...seen].sort(), ['closed', 'halfOpen', 'open']);
  });
});
