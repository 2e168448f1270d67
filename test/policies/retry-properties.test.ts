import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { retry } from '../../src/policies/retry.js';
import { timeout } from '../../src/policies/timeout.js';
import { type Answer, ask, callOf, hang, lost, unreachable } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

/**
 * Random traffic through the stack of a call: its time, its retries, the time of each try, and a far end that
 * answers, fails and hangs at random. What must hold holds whatever happens.
 */

interface Plan {
  readonly seed: number;
  readonly attempts: number;
  readonly ratio: number;
  readonly tokens: number;
  readonly timeoutMs: number;
  readonly calls: readonly { readonly afterMs: number; readonly method: 'GET' | 'POST'; readonly abortAfterMs: number | undefined }[];
  readonly answers: readonly { readonly what: 'ok' | 'unavailable' | 'lost' | 'unreachable' | 'hang'; readonly afterMs: number }[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer(),
  attempts: fc.integer({ min: 1, max: 5 }),
  ratio: fc.constantFrom(0, 0.1, 0.5),
  tokens: fc.integer({ min: 0, max: 5 }),
  timeoutMs: fc.integer({ min: 1, max: 500 }),
  calls: fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 50 }),
      method: fc.constantFrom('GET' as const, 'POST' as const),
      abortAfterMs: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  answers: fc.array(
    fc.record({
      what: fc.constantFrom('ok' as const, 'unavailable' as const, 'lost' as const, 'unreachable' as const, 'hang' as const),
      afterMs: fc.integer({ min: 0, max: 150 }),
    }),
    { maxLength: 60 },
  ),
});

/** Everything that happened in a run, as text. */
async function run(
  plan: Plan,
): Promise<{ readonly log: string[]; readonly around: Surroundings; readonly successes: number; readonly retries: number }> {
  const around = new Surroundings({ seed: plan.seed });
  const { clock, far } = around;
  const log: string[] = [];
  const late = ({ what, afterMs }: Plan['answers'][number]): Answer => {
    const answer: Answer =
      what === 'ok' ? 200 : what === 'unavailable' ? 503 : what === 'lost' ? lost : what === 'unreachable' ? unreachable : hang;
    return (request) => {
      clock.setTimer(() => {
        if (request.state !== 'open') return;
        if (typeof answer === 'number') request.reply(answer);
        else answer(request);
      }, afterMs);
    };
  };
  far.will(...plan.answers.map(late));
  let started = 0;
  const send = around.perCall(
    timeout({ timeoutMs: plan.timeoutMs }),
    around.perCall(
      retry({ attempts: plan.attempts, budgetRatio: plan.ratio, budgetTokens: plan.tokens }),
      around.perAttempt(timeout({ timeoutMs: 100 }), (call) => {
        started++;
        assert.ok(clock.now() < call.deadlineMs, `an attempt at ${clock.now()} of a call whose time ended at ${call.deadlineMs}`);
        assert.ok(call.attempt <= plan.attempts);
        assert.equal(call.parent?.cancelled, false, 'an attempt of a call that was cancelled');
        log.push(`${clock.now()} attempt ${call.attempt} ${call.method}`);
        return far.send(call);
      }),
    ),
  );
  const asked = [];
  for (const { afterMs, method, abortAfterMs } of plan.calls) {
    await clock.advance(afterMs);
    const call = callOf({ method });
    call.nowMs = clock.now();
    asked.push(ask(send, call));
    if (abortAfterMs !== undefined) clock.setTimer(() => call.cancel(new Error('enough')), abortAfterMs);
  }
  await clock.advance(5_000);
  for (const each of asked) {
    const status = each.state === 'replied' ? each.reply.status : String(each.error);
    log.push(`${each.state} ${status}`);
  }
  assert.ok(asked.every(({ state }) => state !== 'waiting'));
  return { log, around, successes: log.filter((line) => line === 'replied 200').length, retries: started - asked.length };
}

describe('retry, whatever happens', () => {
  it('stays within its budget, starts nothing after the time of the call or its end, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { around, successes, retries } = await run(plan);
        assert.ok(retries <= plan.tokens + plan.ratio * successes + 1e-6, `${retries} retries after ${successes} successes`);
        assert.equal(around.clock.pendingTimers, 0);
        for (const { call, state } of around.far.requests) {
          assert.notEqual(state, 'open');
          if (call.method === 'POST' && call.attempt > 1) assert.equal(call.past?.attempts[call.attempt - 2]?.status, undefined);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('does the same twice with the same seed', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        assert.deepEqual((await run(plan)).log, (await run(plan)).log);
      }),
      { numRuns: 40 },
    );
  });
});
