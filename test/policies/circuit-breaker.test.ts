import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import { ConfigError, MeshError } from '../../src/core/errors.js';
import type { Ending, Gate } from '../../src/core/gate.js';
import type { Verdict } from '../../src/core/verdict.js';
import { bulkhead } from '../../src/policies/bulkhead.js';
import { type CircuitBreakerOptions, circuitBreaker } from '../../src/policies/circuit-breaker.js';
import { retry } from '../../src/policies/retry.js';
import { type Asked, ask, callOf, hang, lost } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

/** Jitter in the middle of its range: times are as configured. */
const noJitter = { random: { next: () => 0.5 } };

/** An endpoint with a breaker, driven as the balancer drives it. */
class Guarded {
  readonly around = new Surroundings(noJitter);
  readonly endpoint: Endpoint;
  readonly gate: Gate;

  constructor(options: CircuitBreakerOptions = {}) {
    this.endpoint = this.around.endpoint('a');
    const [gate] = this.around.perEndpoint(circuitBreaker(options), this.endpoint).gates;
    this.gate = gate ?? assert.fail('the breaker made no gate');
  }

  begin(): Call {
    const call = callOf();
    call.sentMs = this.around.clock.now();
    this.gate.begin?.(call, call.sentMs);
    return call;
  }

  settle(call: Call, verdict: Verdict): void {
    call.verdict = verdict;
    const nowMs = this.around.clock.now();
    this.gate.settle?.(verdict, nowMs - call.sentMs, call, nowMs);
  }

  release(call: Call, ending: Ending = 'ended'): void {
    this.gate.release?.(ending, call);
  }

  /** Attempts from beginning to end. */
  had(...verdicts: readonly Verdict[]): void {
    for (const verdict of verdicts) {
      const call = this.begin();
      this.settle(call, verdict);
      this.release(call, verdict === 'success' ? 'ended' : 'failed');
    }
  }

  get pickable(): boolean {
    return this.around.view.count === 1;
  }

  get state(): { readonly phase: string } {
    return this.gate.inspect?.() as { readonly phase: string };
  }

  after(ms: number): Promise<void> {
    return this.around.clock.advance(ms);
  }
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('a breaker around an endpoint opens', () => {
  it('after so many failures in a row', () => {
    const guarded = new Guarded({ consecutiveFailures: 3 });
    guarded.had('failure', 'retryable', 'success', 'failure', 'retryable');
    assert.equal(guarded.pickable, true);
    guarded.had('failure');
    assert.equal(guarded.pickable, false);
    assert.equal(guarded.state.phase, 'open');
  });

  it('when the share of failures is reached, but not before there were enough requests', () => {
    const guarded = new Guarded({ failureRatio: 0.5, minimumRequests: 10, consecutiveFailures: Number.POSITIVE_INFINITY });
    guarded.had(...times(9, 'failure' as const));
    assert.equal(guarded.pickable, true);
    guarded.had('failure');
    assert.equal(guarded.pickable, false);
  });

  it('not below that share', () => {
    const guarded = new Guarded({ failureRatio: 0.5, consecutiveFailures: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 50; i++) guarded.had('success', 'success', 'failure');
    assert.equal(guarded.pickable, true);
  });

  it('not on failures that are longer ago than its window', async () => {
    const guarded = new Guarded({ windowMs: 10_000, consecutiveFailures: Number.POSITIVE_INFINITY });
    guarded.had(...times(9, 'failure' as const));
    await guarded.after(3_600_000);
    guarded.had('failure');
    assert.equal(guarded.pickable, true);
  });

  it('not on what says nothing about it', () => {
    const guarded = new Guarded({ consecutiveFailures: 2 });
    guarded.had(...times(100, 'ignored' as const));
    assert.equal(guarded.pickable, true);
    guarded.had('failure', 'ignored', 'failure');
    assert.equal(guarded.pickable, false);
  });

  it('after bodies in a row that broke off, although their headers were successes', () => {
    const guarded = new Guarded({ consecutiveFailures: 3 });
    for (let i = 0; i < 3; i++) {
      assert.equal(guarded.pickable, true);
      const call = guarded.begin();
      guarded.settle(call, 'success');
      guarded.release(call, 'failed');
    }
    assert.equal(guarded.pickable, false);
  });

  it('when bodies that broke off make up the share', () => {
    const guarded = new Guarded({ failureRatio: 0.5, minimumRequests: 10, consecutiveFailures: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 10; i++) {
      const call = guarded.begin();
      guarded.settle(call, 'success');
      guarded.release(call, i % 2 === 0 ? 'ended' : 'failed');
    }
    assert.equal(guarded.pickable, false);
  });

  it('not because callers gave bodies up', () => {
    const guarded = new Guarded({ consecutiveFailures: 2 });
    for (let i = 0; i < 50; i++) {
      const call = guarded.begin();
      guarded.settle(call, 'success');
      guarded.release(call, 'cancelled');
    }
    assert.equal(guarded.pickable, true);
  });

  it('without counting one attempt twice that failed before its headers', () => {
    const guarded = new Guarded({ consecutiveFailures: 2 });
    guarded.had('failure');
    assert.equal(guarded.pickable, true);
  });
});

describe('an open breaker around an endpoint', () => {
  const opened = (options: CircuitBreakerOptions = {}): Guarded => {
    const guarded = new Guarded({ consecutiveFailures: 1, openMs: 1_000, maxOpenMs: 4_000, ...options });
    guarded.had('failure');
    return guarded;
  };

  it('lets one trial through after its time, and closes when that succeeds', async () => {
    const guarded = opened();
    await guarded.after(999);
    assert.equal(guarded.pickable, false);
    await guarded.after(1);
    assert.equal(guarded.pickable, true);
    assert.equal(guarded.state.phase, 'halfOpen');
    const trial = guarded.begin();
    assert.equal(guarded.pickable, false);
    guarded.settle(trial, 'success');
    assert.equal(guarded.pickable, true);
    assert.equal(guarded.state.phase, 'closed');
    assert.equal(guarded.around.clock.pendingTimers, 0);
  });

  it('tells the view until when, and is busy and not broken while its trial is under way', async () => {
    const guarded = opened();
    assert.equal(guarded.around.view.reopensAtMs(), 1_000);
    assert.equal(guarded.around.view.busy, 0);
    await guarded.after(1_000);
    guarded.begin();
    assert.equal(guarded.around.view.busy, 1);
  });

  it('stays open twice as long with each opening that no success came between, up to its maximum', async () => {
    const guarded = opened();
    const openTimes: number[] = [];
    for (let i = 0; i < 4; i++) {
      const startedMs = guarded.around.clock.now();
      while (!guarded.pickable) await guarded.after(100);
      openTimes.push(guarded.around.clock.now() - startedMs);
      guarded.had('failure');
    }
    assert.deepEqual(openTimes, [1_000, 2_000, 4_000, 4_000]);
    await guarded.after(4_000);
    guarded.had('success', 'failure');
    await guarded.after(999);
    assert.equal(guarded.pickable, false);
    await guarded.after(1);
    assert.equal(guarded.pickable, true);
  });

  it('varies its times by a tenth up and down', () => {
    const untilMs = (drawn: number) => {
      const around = new Surroundings({ random: { next: () => drawn } });
      const endpoint = around.endpoint('a');
      const [gate] = around.perEndpoint(circuitBreaker({ consecutiveFailures: 1, openMs: 1_000 }), endpoint).gates;
      gate?.settle?.('failure', 0, callOf(), 0);
      return around.view.reopensAtMs();
    };
    assert.equal(untilMs(0), 900);
    assert.equal(Math.round(untilMs(0.999999) ?? 0), 1_100);
  });

  it('asks for as many successes as it lets trials through, and no more trials than that', async () => {
    const guarded = opened({ halfOpenTrials: 3 });
    await guarded.after(1_000);
    const trials = [guarded.begin(), guarded.begin()];
    assert.equal(guarded.pickable, true);
    trials.push(guarded.begin());
    assert.equal(guarded.pickable, false);
    for (const trial of trials.slice(0, 2)) guarded.settle(trial, 'success');
    assert.equal(guarded.pickable, false);
    guarded.settle(trials[2] ?? assert.fail(), 'success');
    assert.equal(guarded.state.phase, 'closed');
  });

  it('is given back the place of a trial that says nothing, and of one that never came to a verdict', async () => {
    const guarded = opened();
    await guarded.after(1_000);
    const aborted = guarded.begin();
    guarded.settle(aborted, 'ignored');
    assert.equal(guarded.pickable, true);
    const vanished = guarded.begin();
    assert.equal(guarded.pickable, false);
    guarded.release(vanished, 'cancelled');
    assert.equal(guarded.pickable, true);
  });

  it('forgets a trial that never reports, so that it cannot stick', async () => {
    const guarded = opened();
    await guarded.after(1_000);
    const silent = guarded.begin();
    await guarded.after(999);
    assert.equal(guarded.pickable, false);
    await guarded.after(1);
    assert.equal(guarded.pickable, true);
    guarded.settle(silent, 'failure');
    assert.equal(guarded.state.phase, 'halfOpen');
    guarded.had('success');
    assert.equal(guarded.state.phase, 'closed');
  });

  it('is neither closed nor opened again by late results of attempts from before', async () => {
    const guarded = new Guarded({ consecutiveFailures: 2, openMs: 1_000 });
    const late = times(10, 0).map(() => guarded.begin());
    guarded.had('failure', 'failure');
    const [whileOpen, whileHalfOpen, ...afterwards] = late;
    guarded.settle(whileOpen ?? assert.fail(), 'success');
    assert.equal(guarded.state.phase, 'open');
    await guarded.after(1_000);
    guarded.settle(whileHalfOpen ?? assert.fail(), 'failure');
    assert.equal(guarded.state.phase, 'halfOpen');
    await guarded.after(10);
    const trial = guarded.begin();
    await guarded.after(10);
    guarded.settle(trial, 'success');
    for (const call of afterwards) {
      guarded.settle(call, 'failure');
      guarded.release(call, 'failed');
    }
    assert.equal(guarded.state.phase, 'closed');
    const brokenBody = callOf();
    brokenBody.sentMs = 5;
    brokenBody.verdict = 'success';
    guarded.release(brokenBody, 'failed');
    guarded.release(brokenBody, 'failed');
    assert.equal(guarded.state.phase, 'closed');
    guarded.had('failure', 'failure');
    assert.equal(guarded.state.phase, 'open');
  });

  it('does not take an attempt that passed it by, to a pinned endpoint, for a trial', async () => {
    const guarded = opened();
    guarded.had('success');
    assert.equal(guarded.state.phase, 'open');
    await guarded.after(1_000);
    const [trial, pinned] = [guarded.begin(), guarded.begin()];
    guarded.settle(pinned, 'failure');
    assert.equal(guarded.state.phase, 'halfOpen');
    guarded.settle(trial, 'success');
    assert.equal(guarded.state.phase, 'closed');
  });

  it('stops its timers when the endpoint goes, and sets none afterwards', async () => {
    const guarded = opened();
    assert.equal(guarded.around.clock.pendingTimers, 1);
    guarded.gate.dispose?.();
    assert.equal(guarded.around.clock.pendingTimers, 0);
    const closed = new Guarded({ consecutiveFailures: 1 });
    const late = closed.begin();
    closed.gate.dispose?.();
    closed.settle(late, 'failure');
    assert.equal(closed.around.clock.pendingTimers, 0);
  });

  it('tells those who listen, and shows itself as plain JSON', async () => {
    const guarded = new Guarded({ consecutiveFailures: 2, openMs: 1_000 });
    const heard = (['breakerOpened', 'breakerHalfOpened', 'breakerClosed'] as const).map((name) => guarded.around.hear(name));
    guarded.had('success', 'failure', 'failure');
    assert.deepEqual(guarded.gate.inspect?.(), { phase: 'open', requests: 3, failures: 2, consecutiveFailures: 2, opensAgainInMs: 1_000 });
    await guarded.after(1_000);
    guarded.had('success');
    assert.deepEqual(heard, [
      [{ service: 'users', endpoint: 'a', forMs: 1_000 }],
      [{ service: 'users', endpoint: 'a' }],
      [{ service: 'users', endpoint: 'a' }],
    ]);
    const state = guarded.gate.inspect?.();
    assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
    assert.deepEqual(state, { phase: 'closed', requests: 0, failures: 0, consecutiveFailures: 0 });
  });

  it('and an endpoint that is busy as well do not open each other', async () => {
    const guarded = opened();
    const [limit] = guarded.around.perEndpoint(bulkhead({ concurrency: 1 }), guarded.endpoint).gates;
    limit?.begin?.(callOf(), 0);
    limit?.release?.('ended', callOf());
    assert.equal(guarded.pickable, false);
    await guarded.after(1_000);
    limit?.begin?.(callOf(), 0);
    assert.equal(guarded.pickable, false);
    limit?.release?.('ended', callOf());
    assert.equal(guarded.pickable, true);
  });
});

describe('a breaker around a service', () => {
  const options: CircuitBreakerOptions = { consecutiveFailures: 2, openMs: 1_000 };

  async function settled(around: Surroundings, asked: Asked): Promise<Asked> {
    await around.clock.settle();
    return asked;
  }

  it('refuses calls while it is open, and says for how long', async () => {
    const around = new Surroundings(noJitter);
    const send = around.perCall(circuitBreaker(options));
    around.far.will(500, lost);
    ask(send);
    ask(send);
    await around.clock.advance(400);
    const refused = await settled(around, ask(send));
    assert.equal(refused.code, 'ERR_MESH_CIRCUIT_OPEN');
    assert.equal((refused.error as MeshError).retryAfterMs, 600);
    assert.match((refused.error as Error).message, /open for another 600 ms/);
    assert.equal(around.far.requests.length, 2);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('lets a trial through after that, refuses the rest meanwhile, and closes', async () => {
    const around = new Surroundings(noJitter);
    const closed = around.hear('breakerClosed');
    const send = around.perCall(circuitBreaker(options));
    around.far.will(500, 500, hang, 200);
    ask(send);
    ask(send);
    await around.clock.advance(1_000);
    const trial = ask(send);
    const other = await settled(around, ask(send));
    assert.equal(other.code, 'ERR_MESH_CIRCUIT_OPEN');
    assert.match((other.error as Error).message, /half open/);
    around.far.last.reply(200);
    await around.clock.settle();
    assert.equal(trial.reply.status, 200);
    assert.equal((await settled(around, ask(send))).reply.status, 200);
    assert.deepEqual(closed, [{ service: 'users', endpoint: undefined }]);
  });

  it('forgets a trial that hangs', async () => {
    const around = new Surroundings(noJitter);
    const send = around.perCall(circuitBreaker(options));
    around.far.will(500, 500, hang, 200);
    for (let i = 0; i < 2; i++) ask(send);
    await around.clock.advance(1_000);
    ask(send);
    await around.clock.advance(1_000);
    assert.equal((await settled(around, ask(send))).reply.status, 200);
  });

  it('does not count callers who give up, nor refusals of this process', async () => {
    const around = new Surroundings(noJitter);
    const send = around.perCall(circuitBreaker(options), (call) =>
      call.path === '/full' ? Promise.reject(new MeshError('ERR_MESH_QUEUE_FULL', 'full')) : around.far.send(call),
    );
    for (let i = 0; i < 10; i++) {
      ask(send).call.cancel(new Error('enough'));
      ask(send, callOf({ path: '/full' }));
      await around.clock.settle();
    }
    around.far.will(200);
    assert.equal((await settled(around, ask(send))).reply.status, 200);
  });

  it('does not count a caller who gives up between a failed attempt and the next', async () => {
    const around = new Surroundings(noJitter);
    const send = around.perCall(circuitBreaker(options), around.perCall(retry({ backoff: { baseMs: 100 } })));
    for (let i = 0; i < 10; i++) {
      around.far.will(503);
      const asked = ask(send);
      await around.clock.settle();
      asked.call.cancel(new Error('enough'));
      await around.clock.settle();
    }
    around.far.will(200);
    assert.equal((await settled(around, ask(send))).reply.status, 200);
  });

  it('counts bodies that break off', async () => {
    const around = new Surroundings(noJitter);
    const send = around.perCall(circuitBreaker(options));
    for (let i = 0; i < 2; i++) {
      ask(send);
      const body = around.far.last.reply(200, { open: true });
      await around.clock.settle();
      body.fail(new Error('reset'));
    }
    assert.equal((await settled(around, ask(send))).code, 'ERR_MESH_CIRCUIT_OPEN');
  });
});

describe('the options of circuitBreaker', () => {
  it('are refused when they make no sense', () => {
    assert.throws(() => circuitBreaker({ failureRatio: 0 }), /circuitBreaker\.failureRatio must be above 0, got 0/);
    assert.throws(() => circuitBreaker({ failureRatio: 50 }), /from 0 to 1, got 50/);
    assert.throws(() => circuitBreaker({ minimumRequests: 0 }), ConfigError);
    assert.throws(() => circuitBreaker({ consecutiveFailures: 0 }), /of at least 1/);
    assert.throws(() => circuitBreaker({ windowMs: Number.POSITIVE_INFINITY }), /windowMs/);
    assert.throws(() => circuitBreaker({ openMs: 2_000, maxOpenMs: 1_000 }), /openMs must be at most maxOpenMs \(1000\), got 2000/);
    assert.throws(() => circuitBreaker({ halfOpenTrials: 0 }), /halfOpenTrials/);
    assert.throws(() => circuitBreaker({ threshold: 5 } as object), /unknown option 'threshold'/);
    assert.throws(() => circuitBreaker().override?.(false), TypeError);
  });

  it('have a default give way to the option that was given', () => {
    circuitBreaker({ openMs: 600_000 });
    circuitBreaker({ maxOpenMs: 100 });
  });
});
