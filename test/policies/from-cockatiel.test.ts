import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as cockatiel from 'cockatiel';
import type { Call } from '../../src/core/call.js';
import { ConfigError, MeshError, TimeoutError } from '../../src/core/errors.js';
import type { RequestBody } from '../../src/core/request-body.js';
import { FailedReply } from '../../src/policies/cockatiel-execution.js';
import { fromCockatiel } from '../../src/policies/from-cockatiel.js';
import { retry } from '../../src/policies/retry.js';
import { ask, callOf, hang, lost, unreachable } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

/** cockatiel's waits are on the machine's own time, so these tests wait for outcomes and for nothing else. */
const noWait = { backoff: new cockatiel.ConstantBackoff(0) };
const { handleAll } = cockatiel;

const retries = (maxAttempts: number) => fromCockatiel(() => cockatiel.retry(handleAll, { maxAttempts, ...noWait }));
const breaker = (failures: number) =>
  fromCockatiel(() => cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new cockatiel.ConsecutiveBreaker(failures) }));

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('did not fail'),
    (error) => error,
  );
}

describe('a cockatiel policy in the stack', () => {
  it('lets a success through', async () => {
    const around = new Surroundings();
    around.far.will(200);
    const call = callOf();
    const reply = await around.perCall(breaker(1))(call);
    assert.equal(reply.status, 200);
    assert.equal(call.verdict, 'success');
  });

  it('is made once for each service and once for each endpoint', async () => {
    const around = new Surroundings();
    const policy = breaker(1);
    const sends = ['a', 'b'].map((id) => around.perEndpoint(policy, around.endpoint(id)).send);
    around.far.will(lost, 200);
    await failureOf(sends[0]?.(callOf()) ?? assert.fail());
    assert.equal((await sends[1]?.(callOf()))?.status, 200);
  });

  it('sees an answer that failed as an error, and the caller gets the answer', async () => {
    const around = new Surroundings();
    const seen: unknown[] = [];
    const policy = fromCockatiel(() => {
      const noop = cockatiel.retry(handleAll, { maxAttempts: 0 });
      noop.onFailure(({ reason }) => seen.push(reason));
      return noop;
    });
    const send = around.perCall(policy);
    around.far.will((request) => request.reply(503, { open: true }), 404);
    const reply = await send(callOf());
    assert.equal(reply.status, 503);
    assert.equal(reply.ending, undefined);
    assert.equal((await send(callOf())).status, 404);
    assert.equal(seen.length, 1);
    const { error } = seen[0] as { error: FailedReply };
    assert.ok(error instanceof FailedReply);
    assert.deepEqual([error.status, error.verdict], [503, 'retryable']);
  });

  it('refuses with its own error as the cause, and as something never sent', async () => {
    const around = new Surroundings();
    const send = around.perCall(breaker(2));
    around.far.will(500, lost);
    await send(callOf());
    await failureOf(send(callOf()));
    const call = callOf();
    const error = await failureOf(send(call));
    assert.ok(error instanceof MeshError && error.code === 'ERR_MESH_UNAVAILABLE');
    assert.ok(error.cause instanceof cockatiel.BrokenCircuitError);
    assert.deepEqual([call.verdict, call.progress], ['retryable', 'unsent']);
    assert.equal(around.far.requests.length, 2);
  });

  it('refuses what its bulkhead has no room for', async () => {
    const around = new Surroundings();
    const send = around.perCall(fromCockatiel(() => cockatiel.bulkhead(1, 0)));
    ask(send);
    const error = await failureOf(send(callOf()));
    assert.ok(error instanceof MeshError && error.code === 'ERR_MESH_UNAVAILABLE');
    assert.ok(error.cause instanceof cockatiel.BulkheadRejectedError);
  });

  it('may time a try out: what was sent is cancelled and counts as sent', async () => {
    const around = new Surroundings();
    for (const [level, code] of [
      ['perCall', 'ERR_MESH_TIMEOUT'],
      ['perAttempt', 'ERR_MESH_ATTEMPT_TIMEOUT'],
    ] as const) {
      const call = callOf();
      const error = await failureOf(around[level](fromCockatiel(() => cockatiel.timeout(1, cockatiel.TimeoutStrategy.Aggressive)))(call));
      assert.ok(error instanceof TimeoutError && error.code === code);
      assert.ok(error.cause instanceof cockatiel.TaskCancelledError);
      assert.equal(around.far.last.state, 'cancelled');
      assert.deepEqual([call.progress, call.verdict, call.cancelled], ['sent', 'retryable', false]);
    }
  });

  it('may time out by cancelling alone', async () => {
    const around = new Surroundings();
    const call = callOf();
    const error = await failureOf(around.perCall(fromCockatiel(() => cockatiel.timeout(1, cockatiel.TimeoutStrategy.Cooperative)))(call));
    assert.ok(error instanceof TimeoutError && error.code === 'ERR_MESH_ATTEMPT_TIMEOUT');
  });

  it('does not cut off the body of an answer that came in time', async () => {
    const around = new Surroundings();
    around.far.will((request) => request.reply(200, { open: true }));
    const reply = await around.perCall(fromCockatiel(() => cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive)))(callOf());
    assert.equal(reply.ending, undefined);
    assert.equal(around.far.last.call.cancelled, false);
  });

  it('has errors that are not its own pass unchanged', async () => {
    const around = new Surroundings();
    const odd = new RangeError('odd');
    around.far.will((request) => request.fail(odd, 'sent'));
    assert.equal(await failureOf(around.perCall(breaker(5))(callOf())), odd);
  });

  it('can be several policies wrapped in one', async () => {
    const around = new Surroundings();
    const policy = fromCockatiel(() =>
      cockatiel.wrap(
        cockatiel.retry(handleAll, { maxAttempts: 2, ...noWait }),
        cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new cockatiel.ConsecutiveBreaker(10) }),
        cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive),
      ),
    );
    around.far.will(lost, 503, 200);
    assert.equal((await around.perCall(policy)(callOf())).status, 200);
  });

  it('cannot put something else in the place of an answer', async () => {
    const around = new Surroundings();
    around.far.will(503);
    const error = await failureOf(around.perCall(fromCockatiel(() => cockatiel.fallback(handleAll, 'instead')))(callOf()));
    assert.match(String(error), /something that is no reply/);
  });
});

describe('a cockatiel retry in the stack', () => {
  it('makes a try of its own of each run, and lets the answers go that it throws away', async () => {
    const around = new Surroundings();
    around.far.will((request) => request.reply(503, { open: true }).push(Buffer.alloc(70_000)), lost, 200);
    const call = callOf();
    const reply = await around.perCall(retries(2))(call);
    assert.equal(reply.status, 200);
    assert.equal(around.far.request(0).bodyCutOff, true);
    assert.deepEqual(
      around.far.requests.map((request) => request.call.attempt),
      [1, 2, 3],
    );
    assert.deepEqual(
      call.past?.attempts.map(({ status, error }) => status ?? (error as MeshError).code),
      [503, 'ERR_MESH_LOST'],
    );
  });

  it('hands the last answer over, and knows of all attempts where the last is an error', async () => {
    const around = new Surroundings();
    around.far.will(503, 503);
    const answered = callOf();
    assert.equal((await around.perCall(retries(1))(answered)).status, 503);
    assert.equal(answered.past?.attempts.length, 1);
    around.far.will(503, lost);
    const failed = callOf();
    const error = await failureOf(around.perCall(retries(1))(failed));
    assert.equal((error as MeshError).code, 'ERR_MESH_LOST');
    assert.equal(failed.past?.attempts.length, 2);
  });

  it('sends to the same endpoint again in perEndpoint', async () => {
    const around = new Surroundings();
    const endpoint = around.endpoint('a');
    around.far.will(lost, 200);
    const call = callOf();
    call.endpoint = endpoint;
    const reply = await around.perEndpoint(retries(1), endpoint).send(call);
    assert.equal(reply.status, 200);
    assert.deepEqual(
      around.far.requests.map((request) => request.call.endpoint),
      [endpoint, endpoint],
    );
    assert.equal(call.past, undefined);
    assert.equal(call.progress, 'answered');
  });

  it('does not send a POST again that may have arrived, and does not make its caller wait for that', async () => {
    const around = new Surroundings();
    const send = around.perCall(retries(3));
    around.far.will(lost);
    assert.equal(((await failureOf(send(callOf({ method: 'POST' })))) as MeshError).code, 'ERR_MESH_LOST');
    around.far.will((request) => request.reply(503));
    assert.equal((await send(callOf({ method: 'POST' }))).status, 503);
    assert.equal(around.far.requests.length, 2);
    around.far.will(unreachable, 201);
    assert.equal((await send(callOf({ method: 'POST' }))).status, 201);
  });

  it('does not send a body again that is spent', async () => {
    const around = new Surroundings();
    const body: RequestBody = { replayable: false, length: undefined, open: () => 'x', discard() {} };
    around.far.will((request) => {
      request.call.body?.open();
      lost(request);
    });
    await failureOf(around.perCall(retries(3))(callOf({ method: 'PUT', body })));
    assert.equal(around.far.requests.length, 1);
  });

  it('stands inside a retry of the mesh, which records the attempts', async () => {
    const around = new Surroundings();
    around.far.will(lost);
    const call = callOf({ method: 'POST' });
    await failureOf(around.perCall(retry(), around.perAttempt(breaker(5)))(call));
    assert.equal(call.past?.attempts.length, 1);
  });
});

describe('a caller who gives up on a call in a cockatiel policy', () => {
  const patient = fromCockatiel(() =>
    cockatiel.retry(handleAll, { maxAttempts: 5, backoff: new cockatiel.ConstantBackoff(60_000) }).dangerouslyUnref(),
  );

  async function giveUp(around: Surroundings, call: Call, settled: Promise<unknown>): Promise<void> {
    const reason = new Error('enough');
    await around.clock.settle();
    call.cancel(reason);
    assert.equal(await failureOf(settled), reason);
  }

  it('hears of it at once while a try is under way', async () => {
    const around = new Surroundings();
    around.far.will(hang);
    const call = callOf();
    await giveUp(around, call, around.perCall(patient)(call));
    assert.equal(around.far.last.state, 'cancelled');
  });

  it('hears of it at once while the policy waits, and nothing more is sent', async () => {
    const around = new Surroundings();
    around.far.will((request) => request.reply(503, { open: true }).push(Buffer.alloc(70_000)));
    const call = callOf();
    await giveUp(around, call, around.perCall(patient)(call));
    assert.equal(around.far.requests.length, 1);
    assert.equal(around.far.last.bodyCutOff, true);
  });

  it("hears of it at once in the policy's queue", async () => {
    const around = new Surroundings();
    const send = around.perCall(fromCockatiel(() => cockatiel.bulkhead(1, 10)));
    ask(send);
    const call = callOf();
    await giveUp(around, call, send(call));
    assert.equal(around.far.requests.length, 1);
  });

  it('hears of it in perEndpoint too', async () => {
    const around = new Surroundings();
    const call = callOf();
    await giveUp(around, call, around.perEndpoint(patient, around.endpoint('a')).send(call));
    assert.equal(around.far.last.state, 'cancelled');
  });

  it('has the body cut off where the answer was there', async () => {
    const around = new Surroundings();
    around.far.will((request) => request.reply(200, { open: true }));
    const call = callOf();
    const reply = await around.perCall(patient)(call);
    call.cancel(new Error('enough'));
    assert.equal(reply.ending, 'cancelled');
  });

  it('has nothing sent where it was over before it began', async () => {
    const around = new Surroundings();
    const call = callOf();
    call.cancel('enough');
    assert.equal(await failureOf(around.perCall(patient)(call)), 'enough');
    assert.equal(around.far.requests.length, 0);
  });
});

describe('the options of fromCockatiel', () => {
  it('are a function that makes a policy, and a name', () => {
    assert.equal(fromCockatiel(() => cockatiel.noop).name, 'cockatiel');
    assert.equal(fromCockatiel(() => cockatiel.noop, { name: 'fuse' }).name, 'fuse');
    assert.throws(() => fromCockatiel(cockatiel.noop as never), ConfigError);
    assert.throws(() => fromCockatiel(() => cockatiel.noop, { name: '' }), /fromCockatiel\.name/);
    assert.throws(() => new Surroundings().perCall(fromCockatiel(() => ({}) as never)), /cockatiel policy, with a method execute/);
  });
});
