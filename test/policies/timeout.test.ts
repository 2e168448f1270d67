import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, type MeshError, TimeoutError } from '../../src/core/errors.js';
import { retry } from '../../src/policies/retry.js';
import { timeout } from '../../src/policies/timeout.js';
import { ask, callOf, hang } from '../support/fake-send.js';
import { errorAt, Surroundings } from '../support/policy-scope.js';

describe('timeout in perCall', () => {
  it('fails the call when its time is over, and stops what it was waiting for', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout({ timeoutMs: 50 })));
    await around.clock.advance(49);
    assert.equal(asked.state, 'waiting');
    await around.clock.advance(1);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
    assert.ok(asked.error instanceof TimeoutError);
    assert.match((asked.error as Error).message, /users: .*timeoutMs: 50.*mesh: \{ timeoutMs \}/);
    assert.equal(around.far.last.state, 'cancelled');
  });

  it('says what time is left to whoever asks below, and never more than was left already', async () => {
    const around = new Surroundings();
    const send = around.perCall(timeout({ timeoutMs: 50 }));
    await around.clock.advance(1_000);
    ask(send);
    assert.equal(around.far.last.call.deadlineMs, 1_050);
    const bounded = callOf();
    bounded.deadlineMs = 1_020;
    ask(send, bounded);
    assert.equal(around.far.last.call.deadlineMs, 1_020);
  });

  it('leaves nothing armed after an answer or a failure', async () => {
    const around = new Surroundings();
    const send = around.perCall(timeout({ timeoutMs: 50 }));
    const answered = ask(send);
    const failed = ask(send);
    around.far.request(0).reply(200);
    around.far.request(1).fail(new Error('no'), 'sent');
    await around.clock.advance(1_000);
    assert.equal(answered.reply.status, 200);
    assert.equal((failed.error as Error).message, 'no');
    assert.equal(answered.call.cancelled, false);
    assert.equal(failed.call.cancelled, false);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('calls its time off when something below throws where it should reject', async () => {
    const around = new Surroundings();
    const send = around.perCall(timeout({ timeoutMs: 50 }), () => {
      throw new Error('thrown');
    });
    const asked = ask(send);
    await around.clock.advance(100);
    assert.equal((asked.error as Error).message, 'thrown');
    assert.equal(asked.call.cancelled, false);
  });

  it('cuts off an answer that comes after the time, from something that did not hear of it', async () => {
    const around = new Surroundings();
    const asked = ask(
      around.perCall(timeout({ timeoutMs: 50 }), (call) => {
        const coming = around.far.send(call);
        call.waitsFor(undefined);
        return coming;
      }),
    );
    await around.clock.advance(60);
    assert.equal(asked.state, 'waiting');
    around.far.last.reply(200, { open: true });
    await around.clock.settle();
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
    assert.equal(around.far.last.bodyCutOff, true);
  });

  it('lets a stream live for as long as it flows', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout({ timeoutMs: 50 })));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(3_600_000);
    assert.equal(asked.reply, body);
    assert.equal(body.ending, undefined);
  });

  it('does nothing without a time', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout()));
    await around.clock.advance(3_600_000);
    assert.equal(asked.state, 'waiting');
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('takes the time of one call from the call', async () => {
    const around = new Surroundings();
    const policy = timeout({ timeoutMs: 50 });
    const send = around.perCall(policy);
    const shorter = ask(send, callOf({ overrides: { timeout: policy.override?.({ timeoutMs: 10 }) } }));
    const none = ask(send, callOf({ overrides: { timeout: policy.override?.({ timeoutMs: Number.POSITIVE_INFINITY }) } }));
    await around.clock.advance(10);
    assert.match((shorter.error as Error).message, /timeoutMs: 10/);
    await around.clock.advance(10_000);
    assert.equal(none.state, 'waiting');
  });
});

describe('the idle time of a body', () => {
  const idle = timeout({ bodyIdleTimeoutMs: 100 });

  it('cuts off a body that stands still, not before its time', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(99);
    assert.equal(body.ending, undefined);
    await around.clock.advance(10);
    assert.equal(body.ending, 'cancelled');
    assert.ok(around.far.last.reason instanceof TimeoutError);
    assert.equal((around.far.last.reason as MeshError).code, 'ERR_MESH_BODY_IDLE');
    assert.match((around.far.last.reason as Error).message, /bodyIdleTimeoutMs: 100/);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('lets a body live whose bytes come within the time, however long it takes', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle));
    const body = around.far.last.reply(200, { open: true });
    body.read({ chunk: () => true, end() {}, error() {} });
    for (let i = 0; i < 50; i++) {
      await around.clock.advance(95);
      body.push(Buffer.from('x'));
    }
    assert.equal(body.ending, undefined);
    await around.clock.advance(126);
    assert.equal(body.ending, 'cancelled');
  });

  it('takes reading for a sign of life as well as coming', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle));
    const body = around.far.last.reply(200, { open: true });
    for (let i = 0; i < 10; i++) {
      await around.clock.advance(95);
      body.resume();
    }
    assert.equal(body.ending, undefined);
  });

  it('leaves nothing armed once the body has ended', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(60);
    body.push(Buffer.from('whole'));
    body.end();
    await around.clock.advance(1_000);
    assert.equal(String(body.takeWhole()), 'whole');
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('is not watched where the whole body came with the headers', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle));
    around.far.last.reply(200);
    await around.clock.settle();
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('can be another for one call', async () => {
    const around = new Surroundings();
    ask(around.perCall(idle), callOf({ overrides: { timeout: { bodyIdleTimeoutMs: 20 } } }));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(21);
    assert.equal(body.ending, 'cancelled');
  });
});

describe('the deadline of a call', () => {
  const deadlineIn = (around: Surroundings, ms: number) => callOf({ overrides: { timeout: { deadlineMs: around.clock.wallTime() + ms } } });

  it('fails at once, with nothing sent, when it is past', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout()), deadlineIn(around, 0));
    await around.clock.settle();
    assert.equal(asked.code, 'ERR_MESH_DEADLINE');
    assert.equal(around.far.requests.length, 0);
  });

  it('ends a call that has no answer by then, whatever other times it has', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout({ timeoutMs: 10_000 })), deadlineIn(around, 40));
    assert.equal(around.far.last.call.deadlineMs, 40);
    await around.clock.advance(40);
    assert.equal(asked.code, 'ERR_MESH_DEADLINE');
    assert.match((asked.error as Error).message, /had no answer at the deadline/);
    assert.equal(around.far.last.state, 'cancelled');
  });

  it('ends a body that is not complete by then', async () => {
    const around = new Surroundings();
    ask(around.perCall(timeout()), deadlineIn(around, 40));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(40);
    assert.equal(body.ending, 'cancelled');
    assert.equal((around.far.last.reason as MeshError).code, 'ERR_MESH_DEADLINE');
    assert.match((around.far.last.reason as Error).message, /body was not complete/);
  });

  it('gives way to a shorter timeoutMs', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout({ timeoutMs: 20 })), deadlineIn(around, 40));
    await around.clock.advance(20);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
    await around.clock.advance(100);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('does not move when the wall clock is corrected', async () => {
    const around = new Surroundings();
    const asked = ask(around.perCall(timeout()), deadlineIn(around, 40));
    around.clock.setWallTime(around.clock.wallTime() - 3_600_000);
    await around.clock.advance(40);
    assert.equal(asked.code, 'ERR_MESH_DEADLINE');
  });

  it('leaves nothing armed after the last byte', async () => {
    const around = new Surroundings();
    ask(around.perCall(timeout()), deadlineIn(around, 40));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.advance(10);
    body.push(Buffer.from('whole'));
    body.end();
    await around.clock.advance(100);
    assert.equal(String(body.takeWhole()), 'whole');
    assert.equal(around.clock.pendingTimers, 0);
  });
});

describe('timeout in perAttempt', () => {
  it('ends the try and not the call, so that retry can make another', async () => {
    const around = new Surroundings();
    const send = around.perCall(retry({ backoff: { baseMs: 0 } }), around.perAttempt(timeout({ timeoutMs: 50 })));
    around.far.will(hang, 200);
    const asked = ask(send);
    await around.clock.advance(50);
    assert.equal(asked.reply.status, 200);
    assert.equal(around.far.request(0).state, 'cancelled');
    assert.equal(asked.call.cancelled, false);
    const [first] = asked.call.past?.attempts ?? [];
    assert.equal((first?.error as MeshError | undefined)?.code, 'ERR_MESH_ATTEMPT_TIMEOUT');
  });

  it('fails the call where nothing above repeats it, and says whom it was waiting for', async () => {
    const around = new Surroundings();
    const asked = ask(around.perAttempt(timeout({ timeoutMs: 50 })));
    around.far.last.call.endpoint = around.endpoint('10.0.0.1');
    await around.clock.advance(50);
    assert.equal(asked.code, 'ERR_MESH_ATTEMPT_TIMEOUT');
    assert.match((asked.error as Error).message, /10\.0\.0\.1.*attemptTimeoutMs: 50/);
  });

  it("leaves it to the call's own time when that is sooner", async () => {
    const around = new Surroundings();
    const send = around.perCall(timeout({ timeoutMs: 30 }), around.perAttempt(timeout({ timeoutMs: 50 })));
    const asked = ask(send);
    await around.clock.advance(60);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
  });

  it("reads attemptTimeoutMs of the call's override, and no other part of it", async () => {
    const around = new Surroundings();
    const send = around.perAttempt(timeout({ timeoutMs: 50 }));
    const asked = ask(send, callOf({ overrides: { timeout: { timeoutMs: 5, attemptTimeoutMs: 20 } } }));
    await around.clock.advance(19);
    assert.equal(asked.state, 'waiting');
    await around.clock.advance(1);
    assert.match((asked.error as Error).message, /attemptTimeoutMs: 20/);
  });

  it('tells each try in a header how many whole milliseconds it has left', async () => {
    const around = new Surroundings();
    const attempts = around.perAttempt(timeout({ timeoutMs: 400, deadlineHeader: 'x-time-left-ms' }));
    const send = around.perCall(timeout({ timeoutMs: 1_000 }), around.perCall(retry({ backoff: { baseMs: 0 } }), attempts));
    around.far.will(hang, hang, 200);
    ask(send, callOf({ headers: ['accept', '*/*'] }));
    await around.clock.advance(900);
    const left = around.far.requests.map(({ call }) => Number(call.header('x-time-left-ms')));
    assert.equal(left[0], 400);
    assert.ok((left[2] as number) <= 200 && (left[2] as number) > 150, `${left[2]}`);
    assert.deepEqual(left, left.map(Math.floor));
    assert.equal(around.far.last.call.header('accept'), '*/*');
  });

  it('sends no header when nothing bounds the try', async () => {
    const around = new Surroundings();
    ask(around.perAttempt(timeout({ deadlineHeader: 'x-time-left-ms' })));
    assert.equal(around.far.last.call.header('x-time-left-ms'), undefined);
  });

  it('bounds one endpoint alone in perEndpoint', async () => {
    const around = new Surroundings();
    const asked = ask(around.perEndpoint(timeout({ timeoutMs: 50 }), around.endpoint('a')).send);
    await around.clock.advance(50);
    assert.equal(asked.code, 'ERR_MESH_ATTEMPT_TIMEOUT');
  });
});

describe('the options of timeout', () => {
  it('must be times above 0', () => {
    assert.throws(() => timeout({ timeoutMs: 0 }), /timeout\.timeoutMs must be a number of milliseconds above 0 .*got 0/);
    assert.throws(() => timeout({ bodyIdleTimeoutMs: Number.NaN }), ConfigError);
    assert.throws(() => timeout({ deadlineHeader: 'no header' }), /timeout\.deadlineHeader/);
    assert.throws(() => timeout({ timeoutMS: 5 } as object), /timeoutMS/);
  });

  it('must fit their place', () => {
    assert.match(String(errorAt('call', timeout({ deadlineHeader: 'x-left' }))), /deadlineHeader must be left out in perCall/);
    assert.match(String(errorAt('attempt', timeout({ bodyIdleTimeoutMs: 5 }))), /bodyIdleTimeoutMs must be left out below perCall/);
    assert.equal(errorAt('call', timeout({ timeoutMs: 5, bodyIdleTimeoutMs: 5 })), undefined);
    assert.equal(errorAt('endpoint', timeout({ timeoutMs: 5, deadlineHeader: 'x-left' })), undefined);
    assert.throws(() => new Surroundings().perAttempt(timeout({ bodyIdleTimeoutMs: 5 })), ConfigError);
  });

  it('of one call are checked as well', () => {
    const policy = timeout();
    assert.equal(policy.override?.(false), false);
    assert.throws(() => policy.override?.({ timeoutMs: -1 }), /timeout\.timeoutMs/);
    assert.throws(() => policy.override?.({ deadlineMs: Number.POSITIVE_INFINITY }), /timeout\.deadlineMs/);
    assert.throws(() => policy.override?.({ timeout: 5 }), /unknown option 'timeout'/);
    assert.throws(() => policy.override?.(5), /an object of options/);
  });
});
