import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Call } from '../../src/core/call.js';
import { ConfigError, MeshError, show, TimeoutError, withAttempts } from '../../src/core/errors.js';
import { durationMs, knownKeys, numberIn, wholeNumberIn } from '../../src/core/options-check.js';

describe('MeshError', () => {
  it('is a TypeError, as fetch promises, with a code and the service', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new MeshError('ERR_MESH_CONNECT', 'cannot connect', { service: 'users', cause });
    assert.ok(error instanceof TypeError);
    assert.equal(error.code, 'ERR_MESH_CONNECT');
    assert.equal(error.message, 'users: cannot connect');
    assert.equal(error.cause, cause);
    assert.deepEqual(error.attempts, []);
  });

  it('says where, how long and what, for every attempt', () => {
    const call = new Call({ service: 'users', method: 'GET', path: '/', headers: [], idempotent: true });
    call.fork(1).record({ endpoint: '10.0.0.7:80', status: 503, verdict: 'retryable', durationMs: 212 });
    call
      .fork(2)
      .record({ endpoint: '10.0.0.9:80', error: new MeshError('ERR_MESH_CONNECT', 'refused'), verdict: 'retryable', durationMs: 1.2 });
    const told = withAttempts(new TimeoutError('ERR_MESH_TIMEOUT', 'no reply in 2000 ms', { service: 'users' }), call);
    assert.ok(told instanceof TimeoutError);
    assert.equal(told.message, 'users: no reply in 2000 ms; 2 attempts: 10.0.0.7:80 503 in 212 ms, 10.0.0.9:80 ERR_MESH_CONNECT in 1 ms');
    assert.equal(told.attempts.length, 2);
    assert.equal(told.name, 'TimeoutError');
  });

  it('leaves errors that are not its own, and calls without a past, as they are', () => {
    const call = new Call({ service: 'users', method: 'GET', path: '/', headers: [], idempotent: true });
    const own = new MeshError('ERR_MESH_CLOSED', 'closed');
    assert.equal(withAttempts(own, call), own);
    call.fork(1).record({ verdict: 'ignored', durationMs: 0 });
    const foreign = new DOMException('aborted', 'AbortError');
    assert.equal(withAttempts(foreign, call), foreign);
  });
});

describe('option checks', () => {
  it('name the option, the value and what was expected', () => {
    assert.throws(() => wholeNumberIn('retry.attempts', 0, 1, 10), new ConfigError('retry.attempts', 'a whole number from 1 to 10', 0));
    assert.throws(() => numberIn('share', 1.5, 0, 1), /share must be a number from 0 to 1, got 1.5/);
    assert.throws(() => numberIn('share', '1', 0, 1), /got '1'/);
    assert.throws(() => numberIn('share', Number.NaN, 0, 1), /got NaN/);
    assert.throws(() => durationMs('timeoutMs', 0), /timeoutMs must be a number of milliseconds above 0, got 0/);
    assert.throws(() => durationMs('timeoutMs', Number.POSITIVE_INFINITY), /got Infinity/);
    assert.equal(durationMs('timeoutMs', Number.POSITIVE_INFINITY, { infinite: true }), Number.POSITIVE_INFINITY);
    assert.throws(() => knownKeys('retry', { atempts: 3 }, ['attempts']), /retry.atempts must be one of the options attempts/);
    assert.throws(() => knownKeys('retry', null, ['attempts']), /retry must be an object of options, got null/);
  });

  it('show values briefly and without what is inside objects', () => {
    assert.equal(show({ password: 'secret' }), 'an object');
    assert.equal(show('x'.repeat(100)).length, 82);
    assert.equal(show([1, 2]), 'an array of 2');
    assert.equal(show(undefined), 'undefined');
  });
});
