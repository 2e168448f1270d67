import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { layers, type Send } from '../../src/core/policy.js';
import type { PolicyLists } from '../../src/policies/merge-policies.js';
import { standard } from '../../src/policies/standard.js';
import { ask, hang } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

const names = ({ perCall = [], perAttempt = [], perEndpoint = [] }: PolicyLists) =>
  [perCall, perAttempt, perEndpoint].map((list) => list.map(({ name }) => name));

/** The stack above the balancer. */
function stack(around: Surroundings, { perCall = [], perAttempt = [] }: PolicyLists): Send {
  const attempts = layers(perAttempt, { ...around.service, level: 'attempt' }, around.far.send);
  return layers(perCall, { ...around.service, level: 'call' }, attempts);
}

describe('the standard stack', () => {
  it('is in the order in which its parts do not defeat each other', () => {
    assert.deepEqual(names(standard()), [['timeout', 'bulkhead', 'retry'], ['timeout'], ['circuitBreaker']]);
    assert.deepEqual(names(standard({ endpointConcurrency: 5 })), [
      ['timeout', 'bulkhead', 'retry'],
      ['timeout'],
      ['circuitBreaker', 'bulkhead'],
    ]);
  });

  it('leaves out what is false', () => {
    assert.deepEqual(names(standard({ retry: false, bulkhead: false, circuitBreaker: false })), [['timeout'], ['timeout'], []]);
  });

  it('bounds a try, tries elsewhere, and bounds the whole', async () => {
    const around = new Surroundings();
    const asked = ask(stack(around, standard({ timeoutMs: 250, attemptTimeoutMs: 100, retry: { attempts: 5, backoff: { baseMs: 0 } } })));
    await around.clock.advance(205);
    assert.equal(around.far.requests.length, 3);
    await around.clock.advance(50);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
    assert.deepEqual(
      asked.call.past?.attempts.map(({ error }) => (error as { code: string }).code),
      ['ERR_MESH_ATTEMPT_TIMEOUT', 'ERR_MESH_ATTEMPT_TIMEOUT', 'ERR_MESH_TIMEOUT'],
    );
  });

  it('has defaults that are times to live with', async () => {
    const around = new Surroundings();
    around.far.always(hang);
    const asked = ask(stack(around, standard()));
    await around.clock.advance(9_999);
    assert.equal(around.far.requests.length, 1);
    await around.clock.advance(2_000);
    assert.equal(around.far.requests.length, 2);
    await around.clock.advance(18_600);
    assert.equal(asked.code, 'ERR_MESH_TIMEOUT');
  });

  it('passes the header for the time left to its tries', () => {
    const around = new Surroundings();
    ask(stack(around, standard({ deadlineHeader: 'x-left-ms' })));
    assert.equal(around.far.last.call.header('x-left-ms'), '10000');
  });

  it('leaves nothing armed after a call', async () => {
    const around = new Surroundings();
    around.far.will(503, 200);
    const asked = ask(stack(around, standard()));
    await around.clock.advance(60_000);
    assert.equal(asked.reply.status, 200);
    assert.equal(around.clock.pendingTimers, 0);
  });

  it('refuses times that contradict each other, and names both', () => {
    assert.throws(
      () => standard({ timeoutMs: 1_000, attemptTimeoutMs: 2_000 }),
      /standard\.attemptTimeoutMs must be at most timeoutMs \(1000\), got 2000/,
    );
    assert.throws(() => standard({ attemptTimeoutMs: 40_000 }), /at most timeoutMs \(30000, the default\), got 40000/);
    assert.throws(
      () => standard({ timeoutMs: 500, bulkhead: { queueTimeoutMs: 800 } }),
      /standard\.bulkhead\.queueTimeoutMs must be at most timeoutMs \(500\), got 800/,
    );
  });

  it('lowers a default that would contradict what was given', async () => {
    const around = new Surroundings();
    standard({ timeoutMs: 500, bulkhead: { concurrency: 5 } });
    ask(stack(around, standard({ timeoutMs: 5_000, deadlineHeader: 'x-left-ms' })));
    assert.equal(around.far.last.call.header('x-left-ms'), '5000');
    standard({ attemptTimeoutMs: Number.POSITIVE_INFINITY });
    standard({ timeoutMs: Number.POSITIVE_INFINITY, attemptTimeoutMs: 60_000 });
  });

  it('has its parts refuse what makes no sense to them', () => {
    assert.throws(() => standard({ retry: { attempts: 0 } }), /retry\.attempts/);
    assert.throws(() => standard({ bulkhead: { concurency: 5 } as object }), /unknown option 'concurency'/);
    assert.throws(() => standard({ circuitBreaker: { failureRatio: 2 } }), /circuitBreaker\.failureRatio/);
    assert.throws(() => standard({ endpointConcurrency: 0 }), /standard\.endpointConcurrency must be a whole number of at least 1, got 0/);
    assert.throws(() => standard({ timeout: 5 } as object), /unknown option 'timeout'/);
  });
});
