import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Call } from '../../src/core/call.js';
import { Endpoint } from '../../src/core/endpoint.js';

function newCall(): Call {
  return new Call({ service: 'users', method: 'GET', path: '/', headers: ['A', '1', 'b', '2'], idempotent: true });
}

describe('Call', () => {
  it('stops what it waits for when it is cancelled, and keeps the first reason', () => {
    const call = newCall();
    const reasons: unknown[] = [];
    call.waitsFor({ cancel: (reason) => reasons.push(reason) });
    call.cancel('first');
    call.cancel('second');
    assert.deepEqual(reasons, ['first']);
    assert.equal(call.cancelReason, 'first');
  });

  it('cancels the try under way with the call, and not the call with a try', () => {
    const call = newCall();
    const first = call.fork(1);
    first.cancel('too slow');
    assert.equal(call.cancelled, false);
    const second = call.fork(2);
    call.cancel('gave up');
    assert.equal(second.cancelReason, 'gave up');
    assert.equal(second.attempt, 2);
  });

  it('ends a wait at once when it is cancelled, and gives the waiting up', async () => {
    const call = newCall();
    let givenUp = false;
    const waiting = call.wait<void>(() => () => {
      givenUp = true;
    });
    call.cancel(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    assert.equal(givenUp, true);
  });

  it('does not begin a wait once it is cancelled', async () => {
    const call = newCall();
    call.cancel(new Error('enough'));
    await assert.rejects(
      call.wait(() => assert.fail('must not begin')),
      /enough/,
    );
  });

  it('does not stop a wait that is over', async () => {
    const call = newCall();
    const value = await call.wait<number>((resolve) => {
      resolve(42);
      return () => assert.fail('was over');
    });
    assert.equal(value, 42);
    call.cancel('later');
  });

  it('makes a signal when asked, which follows the call', () => {
    const call = newCall();
    const { signal } = call;
    assert.equal(signal.aborted, false);
    call.cancel('enough');
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason, 'enough');
    const late = newCall();
    late.cancel('before');
    assert.equal(late.signal.reason, 'before');
  });

  it('sets a header for itself and for later tries, and leaves the array that it was given alone', () => {
    const headers = ['A', '1', 'b', '2'];
    const call = new Call({ service: 'users', method: 'GET', path: '/', headers, idempotent: true });
    const before = call.fork(1);
    call.setHeader('a', '9');
    assert.equal(call.header('A'), '9');
    assert.equal(call.fork(2).header('a'), '9');
    assert.equal(before.header('a'), '1');
    assert.deepEqual(headers, ['A', '1', 'b', '2']);
  });

  it('shares the record of failed tries between the call and all its tries', () => {
    const call = newCall();
    const before = call.past;
    assert.equal(before, undefined);
    const first = call.fork(1);
    first.endpoint = new Endpoint({
      id: 'a',
      protocol: 'http:',
      hostname: '10.0.0.1',
      port: 80,
      basePath: '',
      weight: 1,
      priority: 0,
      zone: undefined,
      metadata: {},
    });
    first.record({ endpoint: 'a', status: 503, verdict: 'retryable', durationMs: 3 });
    const second = call.fork(2);
    assert.equal(second.past?.attempts.length, 1);
    assert.equal(call.past?.tried[0]?.id, 'a');
    second.record({ verdict: 'retryable', durationMs: 1 });
    assert.equal(call.past?.attempts.length, 2);
    assert.equal(call.past?.tried.length, 1, 'a try without an endpoint tried none');
  });
});
