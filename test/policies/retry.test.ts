import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.js';
import { ConfigError, MeshError, type MeshErrorCode, withAttempts } from '../../src/core/errors.js';
import type { Send } from '../../src/core/policy.js';
import type { RequestBody } from '../../src/core/request-body.js';
import { type RetryOptions, retry } from '../../src/policies/retry.js';
import { retryBudget } from '../../src/policies/retry-budget.js';
import { ask, callOf, hang, lost, unreachable } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

/** No waiting between tries: for tests that are about something else. */
const atOnce = { baseMs: 0 };

function streamBody(): RequestBody & { opened: number } {
  return {
    replayable: false,
    length: undefined,
    opened: 0,
    open() {
      this.opened++;
      return 'bytes';
    },
    discard() {},
  };
}

/** Something above the balancer that refuses every try. */
function refusing(code: MeshErrorCode): { readonly send: Send; tries: number } {
  const refusal = {
    tries: 0,
    send: () => {
      refusal.tries++;
      return Promise.reject(new MeshError(code, 'no'));
    },
  };
  return refusal;
}

/** The codes and statuses of the tries that were recorded. */
function past(call: Call): unknown[] {
  return (call.past?.attempts ?? []).map(({ status, error }) => status ?? (error as MeshError).code ?? (error as Error).message);
}

describe('what retry tries again', () => {
  it('hands a first success over, with nothing recorded', async () => {
    const around = new Surroundings();
    around.far.will(200);
    const asked = ask(around.perCall(retry()));
    await around.clock.settle();
    assert.equal(asked.reply.status, 200);
    assert.equal(around.far.requests.length, 1);
    assert.equal(asked.call.past, undefined);
  });

  it('is an answer that another endpoint may do better with, and the caller gets the better one', async () => {
    const around = new Surroundings();
    around.far.will(503, 503, 200);
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 200);
    assert.deepEqual(
      around.far.requests.map(({ call }) => call.attempt),
      [1, 2, 3],
    );
    assert.deepEqual(past(asked.call), [503, 503]);
  });

  it('is not an answer that would be the same elsewhere', async () => {
    for (const status of [200, 304, 404, 500, 501]) {
      const around = new Surroundings();
      around.far.will(status, 200);
      const asked = ask(around.perCall(retry({ backoff: atOnce })));
      await around.clock.advance(10);
      assert.equal(asked.reply.status, status);
    }
  });

  it('is a lost connection', async () => {
    const around = new Surroundings();
    around.far.will(lost, 200);
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 200);
  });

  it('is a POST only when nothing of it was sent', async () => {
    const around = new Surroundings();
    const send = around.perCall(retry({ backoff: atOnce }));
    around.far.will(unreachable, 201);
    const unsent = ask(send, callOf({ method: 'POST' }));
    await around.clock.advance(0);
    assert.equal(unsent.reply.status, 201);

    around.far.will(lost);
    const sent = ask(send, callOf({ method: 'POST' }));
    await around.clock.advance(0);
    assert.equal(sent.code, 'ERR_MESH_LOST');

    around.far.will(503);
    const answered = ask(send, callOf({ method: 'POST' }));
    await around.clock.advance(0);
    assert.equal(answered.reply.status, 503);
  });

  it('is a POST that the caller marked as idempotent', async () => {
    const around = new Surroundings();
    around.far.will(lost, 201);
    const asked = ask(around.perCall(retry({ backoff: atOnce })), callOf({ method: 'POST', idempotent: true }));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 201);
  });

  it('are the methods that were named, where some were, and what was not sent', async () => {
    const around = new Surroundings();
    const send = around.perCall(retry({ backoff: atOnce, methods: ['get', 'POST'] }));
    around.far.will(lost, 201);
    const named = ask(send, callOf({ method: 'POST' }));
    await around.clock.advance(0);
    assert.equal(named.reply.status, 201);
    around.far.will(lost);
    const unnamed = ask(send, callOf({ method: 'PUT' }));
    await around.clock.advance(0);
    assert.equal(unnamed.code, 'ERR_MESH_LOST');
    around.far.will(unreachable, 200);
    const unsent = ask(send, callOf({ method: 'PUT' }));
    await around.clock.advance(0);
    assert.equal(unsent.reply.status, 200);
  });

  it('is not a body that is spent, but one that no try has opened', async () => {
    const around = new Surroundings();
    const send = around.perCall(retry({ backoff: atOnce }));
    const spent = streamBody();
    around.far.will((request) => {
      request.call.body?.open();
      lost(request);
    });
    const sent = ask(send, callOf({ method: 'PUT', body: spent }));
    await around.clock.advance(0);
    assert.equal(sent.code, 'ERR_MESH_LOST');

    const whole = streamBody();
    around.far.will(unreachable, (request) => {
      request.call.body?.open();
      request.reply(200);
    });
    const unsent = ask(send, callOf({ method: 'PUT', body: whole }));
    await around.clock.advance(0);
    assert.equal(unsent.reply.status, 200);
    assert.equal(whole.opened, 1);
  });

  it('is a body that can be replayed', async () => {
    const around = new Surroundings();
    around.far.will(lost, 200);
    const body: RequestBody = { replayable: true, length: 1, open: () => 'x', discard() {} };
    const asked = ask(around.perCall(retry({ backoff: atOnce })), callOf({ method: 'PUT', body }));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 200);
  });

  it('is a failure above the balancer that may pass, and no refusal that will not', async () => {
    const around = new Surroundings();
    for (const code of ['ERR_MESH_NO_ENDPOINT', 'ERR_MESH_ATTEMPT_TIMEOUT'] as const) {
      let tries = 0;
      const send = around.perCall(retry({ backoff: atOnce }), (call) =>
        ++tries < 2 ? Promise.reject(new MeshError(code, 'no')) : around.far.send(call),
      );
      around.far.will(200);
      const asked = ask(send);
      await around.clock.advance(0);
      assert.equal(asked.reply.status, 200, code);
    }
    for (const code of [
      'ERR_MESH_QUEUE_FULL',
      'ERR_MESH_QUEUE_TIMEOUT',
      'ERR_MESH_CONFIG',
      'ERR_MESH_REQUEST',
      'ERR_MESH_UNKNOWN_SERVICE',
      'ERR_MESH_DISCOVERY',
      'ERR_MESH_CIRCUIT_OPEN',
      'ERR_MESH_UNAVAILABLE',
      'ERR_MESH_CLOSED',
    ] as const) {
      const refused = refusing(code);
      const asked = ask(around.perCall(retry({ backoff: atOnce }), refused.send));
      await around.clock.advance(100);
      assert.equal(asked.code, code);
      assert.equal(refused.tries, 1, code);
    }
  });

  it('is not a call pinned to an endpoint that does not exist', async () => {
    const around = new Surroundings();
    const refused = refusing('ERR_MESH_NO_ENDPOINT');
    const asked = ask(around.perCall(retry({ backoff: atOnce }), refused.send), callOf({ pinned: 'gone' }));
    await around.clock.advance(100);
    assert.equal(asked.code, 'ERR_MESH_NO_ENDPOINT');
    assert.equal(refused.tries, 1);
  });

  it('is what a list of statuses names, in place of the verdict', async () => {
    const around = new Surroundings();
    const send = around.perCall(retry({ backoff: atOnce, retryOn: [500, 404] }));
    around.far.will(500, 404, 200);
    const named = ask(send);
    await around.clock.advance(0);
    assert.equal(named.reply.status, 200);
    around.far.will(503);
    const unnamed = ask(send);
    await around.clock.advance(0);
    assert.equal(unnamed.reply.status, 503);
    around.far.will(lost, 200);
    const error = ask(send);
    await around.clock.advance(0);
    assert.equal(error.reply.status, 200);
  });

  it('is what a function says, where it says something; a POST stays a POST', async () => {
    const around = new Surroundings();
    const options: RetryOptions = {
      backoff: atOnce,
      retryOn: ({ reply, error }) =>
        reply === undefined ? !(error instanceof RangeError) : reply.header('x-again') === undefined ? undefined : true,
    };
    const send = around.perCall(retry(options));
    around.far.will((request) => request.reply(200, { headers: ['x-again', '1'] }), 200);
    const again = ask(send);
    await around.clock.advance(0);
    assert.equal(around.far.requests.length, 2);
    assert.equal(again.reply.header('x-again'), undefined);

    around.far.will((request) => request.fail(new RangeError('final'), 'unsent'));
    const final = ask(send);
    await around.clock.advance(0);
    assert.ok(final.error instanceof RangeError);

    around.far.will((request) => request.reply(200, { headers: ['x-again', '1'] }));
    const post = ask(send, callOf({ method: 'POST' }));
    await around.clock.advance(0);
    assert.equal(post.reply.header('x-again'), '1');
  });

  it('is decided by the verdict when the function throws, which is reported', async () => {
    const around = new Surroundings();
    const warnings: string[] = [];
    const note = (warning: Error) => warnings.push(warning.message);
    process.on('warning', note);
    around.far.will(503, 200);
    const asked = ask(
      around.perCall(
        retry({
          backoff: atOnce,
          retryOn() {
            throw new Error('broken rule');
          },
        }),
      ),
    );
    await around.clock.advance(0);
    await around.clock.settle();
    process.off('warning', note);
    assert.equal(asked.reply.status, 200);
    assert.match(warnings.join(), /retryOn threw: Error: broken rule/);
  });
});

describe('what the caller of a retried call gets', () => {
  it('is the answer of the last attempt, which is not swallowed', async () => {
    const around = new Surroundings();
    around.far.will(503, 503, 504);
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 504);
    assert.deepEqual(past(asked.call), [503, 503]);
    assert.equal(asked.call.verdict, 'retryable');
  });

  it('is the error of the last attempt, and all attempts are known with it', async () => {
    const around = new Surroundings();
    const [a, b] = [around.endpoint('a'), around.endpoint('b')];
    const soon = (then: () => void) => around.clock.setTimer(then, 20);
    around.far.will(
      (request) => {
        request.call.endpoint = a;
        soon(() => request.reply(503));
      },
      (request) => {
        request.call.endpoint = b;
        soon(() => lost(request));
      },
    );
    const asked = ask(around.perCall(retry({ attempts: 2, backoff: atOnce })));
    await around.clock.advance(40);
    assert.equal(asked.code, 'ERR_MESH_LOST');
    const final = withAttempts(asked.error, asked.call) as MeshError;
    assert.deepEqual(
      final.attempts.map(({ endpoint, status, verdict, durationMs }) => ({ endpoint, status, verdict, durationMs })),
      [
        { endpoint: 'a', status: 503, verdict: 'retryable', durationMs: 20 },
        { endpoint: 'b', status: undefined, verdict: 'retryable', durationMs: 20 },
      ],
    );
    assert.deepEqual(asked.call.past?.tried, [a, b]);
    assert.match(final.message, /2 attempts: a 503 in 20 ms, b ERR_MESH_LOST in 20 ms/);
  });

  it('knows of the one attempt of a call that was not retried', async () => {
    const around = new Surroundings();
    around.far.will(lost);
    const asked = ask(around.perCall(retry()), callOf({ method: 'POST' }));
    await around.clock.settle();
    assert.equal((withAttempts(asked.error, asked.call) as MeshError).attempts.length, 1);
  });

  it('comes with the answers that were thrown away let go', async () => {
    const around = new Surroundings();
    around.far.will((request) => request.reply(503, { open: true }).push(Buffer.alloc(70_000)), 200);
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 200);
    assert.equal(around.far.request(0).bodyCutOff, true);
  });

  it('shows the policies above what became of the last try', async () => {
    const around = new Surroundings();
    const endpoint = around.endpoint('a');
    around.far.will(503, (request) => {
      request.call.endpoint = endpoint;
      around.clock.setTimer(() => request.reply(200), 7);
    });
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    await around.clock.advance(7);
    const { call } = asked;
    assert.deepEqual([call.endpoint, call.verdict, call.progress, call.latencyMs], [endpoint, 'success', 'answered', 7]);
  });
});

describe('how long retry waits', () => {
  it('is drawn from an exponentially growing time', async () => {
    const around = new Surroundings({ random: { next: () => 0.5 } });
    const heard = around.hear('retry');
    around.far.will(503, 503, 503, 503, 200);
    const asked = ask(around.perCall(retry({ attempts: 5, backoff: { baseMs: 100, maxMs: 300 } })));
    await around.clock.advance(50);
    assert.equal(around.far.requests.length, 2);
    await around.clock.advance(99);
    assert.equal(around.far.requests.length, 2);
    await around.clock.advance(1);
    assert.equal(around.far.requests.length, 3);
    await around.clock.advance(1_000);
    assert.equal(asked.reply.status, 200);
    assert.deepEqual(
      heard.map(({ delayMs }) => delayMs),
      [50, 100, 150, 150],
    );
    assert.deepEqual(
      heard.map(({ attempt, failed }) => [attempt, failed.status]),
      [1, 2, 3, 4].map((attempt) => [attempt, 503]),
    );
  });

  it('ends at once when the caller gives up, and nothing more is sent', async () => {
    const around = new Surroundings();
    around.far.will(503);
    const asked = ask(around.perCall(retry({ backoff: { baseMs: 1_000 } })));
    await around.clock.settle();
    const reason = new Error('enough');
    asked.call.cancel(reason);
    await around.clock.settle();
    assert.equal(asked.error, reason);
    await around.clock.advance(10_000);
    assert.equal(around.far.requests.length, 1);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('is over before it began for a call that is cancelled already', async () => {
    const around = new Surroundings();
    const call = callOf();
    call.cancel('enough');
    const asked = ask(around.perCall(retry()), call);
    await around.clock.settle();
    assert.equal(asked.error, 'enough');
    assert.equal(around.far.requests.length, 0);
  });

  it('would not go past the time of the call: the outcome is handed over at once', async () => {
    const around = new Surroundings({ random: { next: () => 0.5 } });
    around.far.will(503);
    const call = callOf();
    call.deadlineMs = 400;
    const asked = ask(around.perCall(retry({ backoff: { baseMs: 1_000 } })), call);
    await around.clock.settle();
    assert.equal(asked.reply.status, 503);
  });

  it('makes no attempt when its timer comes after the time of the call', async () => {
    const around = new Surroundings({ random: { next: () => 0.5 } });
    around.far.will(lost);
    const call = callOf();
    call.deadlineMs = 600;
    const asked = ask(around.perCall(retry({ backoff: { baseMs: 1_000 } })), call);
    await around.clock.settle();
    call.deadlineMs = 500;
    await around.clock.advance(500);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
    assert.equal(((asked.error as Error).cause as MeshError).code, 'ERR_MESH_LOST');
    assert.equal(around.far.requests.length, 1);
  });

  it('cancels the try under way when the call is cancelled, and makes no other', async () => {
    const around = new Surroundings();
    around.far.will(hang);
    const asked = ask(around.perCall(retry({ backoff: atOnce })));
    const reason = new Error('enough');
    asked.call.cancel(reason);
    await around.clock.advance(100);
    assert.equal(asked.error, reason);
    assert.equal(around.far.last.state, 'cancelled');
    assert.equal(around.far.requests.length, 1);
  });
});

describe('what a server asks retry to wait', () => {
  const jitterFree = { random: { next: () => 0 } };

  it('is waited for by every retry of the service where a 429 asked', async () => {
    const around = new Surroundings(jitterFree);
    around.view.retryAfterMs = 2_000;
    around.far.will(503, 200);
    const asked = ask(around.perCall(retry()));
    await around.clock.advance(1_999);
    assert.equal(around.far.requests.length, 1);
    await around.clock.advance(1);
    assert.equal(asked.reply.status, 200);
  });

  it('gets some jitter on top, since all that were turned away would return at one moment', async () => {
    const around = new Surroundings({ random: { next: () => 0.5 } });
    around.view.retryAfterMs = 2_000;
    const heard = around.hear('retry');
    around.far.will(503);
    ask(around.perCall(retry({ backoff: { baseMs: 100 } })));
    await around.clock.settle();
    assert.deepEqual(
      heard.map(({ delayMs }) => delayMs),
      [2_050],
    );
  });

  it('is not undercut: a wait past the time of the call hands the answer over now', async () => {
    const around = new Surroundings(jitterFree);
    around.view.retryAfterMs = 2_000;
    around.far.will(429);
    const call = callOf();
    call.deadlineMs = 2_000;
    const asked = ask(around.perCall(retry()), call);
    await around.clock.settle();
    assert.equal(asked.reply.status, 429);
  });

  it('binds one endpoint where a 503 asked: others are tried at once', async () => {
    const around = new Surroundings(jitterFree);
    const bound = around.endpoint('a');
    around.endpoint('b');
    around.far.will((request) => {
      request.call.endpoint = bound;
      bound.retryAfterMs = 2_000;
      request.reply(503);
    }, 200);
    const asked = ask(around.perCall(retry()));
    await around.clock.advance(0);
    assert.equal(asked.reply.status, 200);
  });

  it('is waited for when every endpoint that can be picked is bound, until the first is free', async () => {
    const around = new Surroundings(jitterFree);
    const [a, b] = [around.endpoint('a'), around.endpoint('b')];
    b.retryAfterMs = 700;
    around.far.will((request) => {
      request.call.endpoint = a;
      a.retryAfterMs = 2_000;
      request.reply(503);
    }, 200);
    const asked = ask(around.perCall(retry()));
    await around.clock.advance(699);
    assert.equal(around.far.requests.length, 1);
    await around.clock.advance(1);
    assert.equal(asked.reply.status, 200);
  });

  it('binds a call that is pinned to that endpoint, whatever the others are', async () => {
    const around = new Surroundings(jitterFree);
    const bound = around.endpoint('a');
    around.endpoint('b');
    around.far.will((request) => {
      request.call.endpoint = bound;
      bound.retryAfterMs = 2_000;
      request.reply(503);
    }, 200);
    ask(around.perCall(retry()), callOf({ pinned: 'a' }));
    await around.clock.advance(1_999);
    assert.equal(around.far.requests.length, 1);
    await around.clock.advance(1);
    assert.equal(around.far.requests.length, 2);
  });
});

describe('the budget of retry', () => {
  it('ends retries when nothing succeeds, and says so', async () => {
    const around = new Surroundings();
    const exhausted = around.hear('retryBudgetExhausted');
    const retried = around.hear('retry');
    const send = around.perCall(retry({ backoff: atOnce, budgetTokens: 3 }));
    around.far.always(503);
    for (let i = 0; i < 5; i++) {
      const asked = ask(send);
      await around.clock.advance(0);
      assert.equal(asked.reply.status, 503);
    }
    assert.equal(around.far.requests.length, 5 + 3);
    assert.equal(retried.length, 3);
    assert.equal(exhausted.length, 4);
    const { failed, ...about } = exhausted[0] ?? assert.fail();
    assert.deepEqual(about, { service: 'users', method: 'GET', path: '/users/42' });
    assert.equal(failed.status, 503);
  });

  it('is asked before the wait, and gets back what an abort made useless', async () => {
    const around = new Surroundings();
    const budget = retryBudget({ tokens: 5 });
    const send = around.perCall(retry({ backoff: { baseMs: 1_000 }, budget }));
    around.far.will(503);
    const asked = ask(send);
    await around.clock.settle();
    assert.equal(budget.tokens, 4);
    asked.call.cancel('enough');
    await around.clock.settle();
    assert.equal(budget.tokens, 5);
  });

  it('is one for each service, or shared where it is given', async () => {
    const own = retry({ backoff: atOnce, budgetTokens: 1, attempts: 2 });
    const shared = retry({ backoff: atOnce, attempts: 2, budget: retryBudget({ tokens: 1 }) });
    for (const [policy, second] of [
      [own, 2],
      [shared, 1],
    ] as const) {
      const [one, other] = [new Surroundings(), new Surroundings()];
      one.far.will(503, 503);
      ask(one.perCall(policy));
      await one.clock.advance(0);
      assert.equal(one.far.requests.length, 2);
      other.far.will(503, 503);
      ask(other.perCall(policy));
      await other.clock.advance(0);
      assert.equal(other.far.requests.length, second);
    }
  });

  it('earns with successes and with nothing else', async () => {
    const around = new Surroundings();
    const budget = retryBudget({ tokens: 10, ratio: 0.5 });
    for (let i = 0; i < 4; i++) budget.take();
    const send = around.perCall(retry({ backoff: atOnce, budget }));
    around.far.will(500, 404, 200);
    for (let i = 0; i < 3; i++) ask(send);
    await around.clock.settle();
    assert.equal(budget.tokens, 7);
  });
});

describe('the options of retry', () => {
  it('can be fewer or more attempts for one call', async () => {
    const around = new Surroundings();
    const policy = retry({ backoff: atOnce });
    const send = around.perCall(policy);
    around.far.will(503, 503, 503, 503, 503);
    ask(send, callOf({ overrides: { retry: policy.override?.({ attempts: 5 }) } }));
    await around.clock.advance(0);
    assert.equal(around.far.requests.length, 5);
    assert.equal(policy.override?.(false), false);
    assert.throws(() => policy.override?.({ attempts: 0 }), /retry\.attempts must be a whole number from 1 to 100, got 0/);
    assert.throws(() => policy.override?.({ backoff: 1 }), /unknown option 'backoff'/);
    assert.throws(() => policy.override?.(true), /an object of options/);
  });

  it('are refused when they make no sense', () => {
    assert.throws(() => retry({ attempts: 1.5 }), /retry\.attempts/);
    assert.throws(() => retry({ budgetRatio: 2 }), /retry\.budgetRatio/);
    assert.throws(() => retry({ budgetTokens: -1 }), /retry\.budgetTokens/);
    assert.throws(() => retry({ budget: retryBudget(), budgetRatio: 0.2 }), /retry\.budget must be left out/);
    assert.throws(() => retry({ budget: {} as never }), ConfigError);
    assert.throws(() => retry({ methods: 'GET' as never }), /retry\.methods/);
    assert.throws(() => retry({ retryOn: [99] }), /retry\.retryOn\[0\]/);
    assert.throws(() => retry({ retryOn: 503 as never }), /retry\.retryOn/);
    assert.throws(() => retry({ retries: 3 } as object), /unknown option 'retries'/);
  });
});
