import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MeshEvents, standard } from '../../src/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

const unavailable = { status: 503 };

/** A mesh whose endpoints all answer `answer`, with retries that cost nothing. */
function failing(answer: object, { endpoints = 3, attempts = 3, timeoutMs = 30_000 } = {}) {
  const scripts = Object.fromEntries(Array.from({ length: endpoints }, (_, index) => [address(index + 1), answer]));
  const policies = standard({ timeoutMs, retry: { attempts }, circuitBreaker: false });
  return virtualMesh({ endpoints, scripts, defaults: { policies } });
}

describe('a retry', () => {
  it('goes to another endpoint each time', async () => {
    const { mesh, clock, far } = failing(unavailable, { endpoints: 5, attempts: 5 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(10_000);
    assert.equal(call.response.status, 503);
    assert.equal(new Set(far.requests.map(({ endpoint }) => endpoint)).size, 5);
  });

  it('hands over the last answer, with its body, and counts those before it in the events', async () => {
    const { mesh, clock, far } = failing(unavailable);
    let served = 0;
    for (const nth of [1, 2, 3]) far.on(address(nth), () => ({ status: 503, body: `answer ${++served}` }));
    const retries: MeshEvents['retry'][] = [];
    mesh.on('retry', (event) => retries.push(event));
    const call = watched(mesh.fetch('http://users/things?x=1'));
    await clock.advance(10_000);
    assert.equal(await call.response.text(), 'answer 3');
    assert.deepEqual(
      retries.map(({ service, method, path, attempt, failed }) => [service, method, path, attempt, failed.status, failed.verdict]),
      [
        ['users', 'GET', '/things?x=1', 1, 503, 'retryable'],
        ['users', 'GET', '/things?x=1', 2, 503, 'retryable'],
      ],
    );
    assert.equal(far.open, 0);
  });

  it('lists every attempt in the error of the last one', async () => {
    const { mesh, clock } = failing({ fault: 'reset', latencyMs: 7 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(10_000);
    const { error } = call;
    assert.equal(error.code, 'ERR_MESH_LOST');
    assert.equal(error.service, 'users');
    assert.equal(error.attempts.length, 3);
    assert.equal(new Set(error.attempts.map(({ endpoint }) => endpoint)).size, 3);
    assert.ok(error.attempts.every(({ durationMs, verdict }) => durationMs === 7 && verdict === 'retryable'));
    assert.match(error.message, /3 attempts: \S+ ERR_MESH_LOST in 7 ms, /);
  });

  it('repeats a POST that was never sent, and none that was', async () => {
    const { mesh, clock, far } = failing({ fault: 'refuse' });
    const unsent = watched(mesh.fetch('http://users/', { method: 'POST', body: 'x' }));
    await clock.advance(10_000);
    assert.equal(unsent.error.attempts.length, 3);
    for (const nth of [1, 2, 3]) far.on(address(nth), { fault: 'reset' });
    const lost = watched(mesh.fetch('http://users/', { method: 'POST', body: 'x' }));
    await clock.advance(10_000);
    assert.equal(lost.error.code, 'ERR_MESH_LOST');
    assert.equal(lost.error.attempts.length, 1);
  });

  it('repeats a POST that is marked as idempotent, by header or by option', async () => {
    const { mesh, clock, far } = failing(unavailable);
    watched(mesh.fetch('http://users/', { method: 'POST', body: 'x', headers: { 'Idempotency-Key': 'k1' } }));
    await clock.advance(10_000);
    assert.equal(far.requests.length, 3);
    assert.ok(far.requests.every(({ headers }) => headers['idempotency-key'] === 'k1'));
    watched(mesh.fetch('http://users/', { method: 'POST', body: 'x', mesh: { idempotent: true } }));
    await clock.advance(10_000);
    assert.equal(far.requests.length, 6);
  });

  it('sends the same bytes each time', async () => {
    const { mesh, clock, far } = failing(unavailable);
    watched(mesh.fetch('http://users/', { method: 'PUT', body: new URLSearchParams({ a: '1' }) }));
    await clock.advance(10_000);
    assert.deepEqual(await Promise.all(far.requests.map((request) => request.body())), ['a=1', 'a=1', 'a=1']);
  });

  it('can be switched off or changed for one call', async () => {
    const { mesh, clock, far } = failing(unavailable);
    watched(mesh.fetch('http://users/', { mesh: { retry: false } }));
    await clock.advance(10_000);
    assert.equal(far.requests.length, 1);
    watched(mesh.fetch('http://users/', { mesh: { retry: { attempts: 2 } } }));
    await clock.advance(10_000);
    assert.equal(far.requests.length, 3);
  });

  it('stays within the budget: ten to start with, then one for ten successes', async () => {
    const { mesh, clock, far } = failing(unavailable);
    let exhausted = 0;
    mesh.on('retryBudgetExhausted', () => exhausted++);
    for (let i = 0; i < 20; i++) watched(mesh.fetch('http://users/'));
    await clock.advance(60_000);
    assert.equal(far.requests.length, 20 + 10);
    assert.ok(exhausted > 0);
    for (const nth of [1, 2, 3]) far.on(address(nth), { status: 200 });
    for (let i = 0; i < 20; i++) watched(mesh.fetch('http://users/'));
    await clock.advance(1_000);
    assert.equal(far.requests.length, 50);
    for (const nth of [1, 2, 3]) far.on(address(nth), unavailable);
    for (let i = 0; i < 20; i++) watched(mesh.fetch('http://users/'));
    await clock.advance(60_000);
    assert.equal(far.requests.length, 70 + 2);
  });

  it('ends with the abort of its caller, at once and with the reason', async () => {
    const { mesh, clock, far } = failing({ status: 429, headers: { 'retry-after': '1' } });
    const controller = new AbortController();
    const call = watched(mesh.fetch('http://users/', { signal: controller.signal }));
    await clock.advance(500);
    assert.equal(call.state, 'waiting');
    const { length } = far.requests;
    controller.abort(new Error('enough'));
    await clock.settle();
    assert.equal((call.reason as Error).message, 'enough');
    await clock.advance(60_000);
    assert.equal(far.requests.length, length);
  });
});

describe('Retry-After', () => {
  it('of a 503 binds its endpoint: the next attempt goes elsewhere at once', async () => {
    const { mesh, clock, far } = failing({ status: 200 });
    let limited: string | undefined;
    for (const nth of [1, 2, 3]) {
      far.on(address(nth), ({ endpoint }) => {
        limited ??= endpoint;
        return endpoint === limited ? { status: 503, headers: { 'retry-after': '60' } } : {};
      });
    }
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(1_000);
    assert.equal(call.response.status, 200);
    assert.equal(far.requests.length, 2);
  });

  it('of a 429 binds the service: the retry waits that long, wherever it goes', async () => {
    const { mesh, clock, far } = failing({ status: 429, headers: { 'retry-after': '2' } });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(1_999);
    assert.equal(far.requests.length, 1);
    for (const nth of [1, 2, 3]) far.on(address(nth), { status: 200 });
    await clock.advance(1_100);
    assert.equal(call.response.status, 200);
    assert.equal(far.requests.length, 2);
  });

  it('that goes past the time left hands the answer over now, with its header', async () => {
    const { mesh, clock, far } = failing({ status: 429, headers: { 'retry-after': '10' } }, { timeoutMs: 5_000 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    assert.equal(call.response.status, 429);
    assert.equal(call.response.headers.get('retry-after'), '10');
    assert.equal(far.requests.length, 1);
  });

  it('of every endpoint is waited for by the one that is free first', async () => {
    const { mesh, clock, far } = failing(unavailable, { endpoints: 2, attempts: 3 });
    far.on(address(1), { status: 503, headers: { 'retry-after': '7' } });
    far.on(address(2), { status: 503, headers: { 'retry-after': '3' } });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(2_900);
    assert.equal(far.requests.length, 2);
    far.on(address(2), { status: 200 });
    await clock.advance(1_200);
    assert.equal(call.response.status, 200);
    assert.deepEqual(far.requests[2]?.endpoint, address(2));
  });

  it('given as a date counts from the wall clock', async () => {
    const { mesh, clock, far } = failing(unavailable, { endpoints: 1 });
    far.on(address(1), { status: 503, headers: { 'retry-after': new Date(clock.wallTime() + 4_000).toUTCString() } });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(3_900);
    assert.equal(far.requests.length, 1);
    far.on(address(1), { status: 200 });
    await clock.advance(200);
    assert.equal(call.response.status, 200);
  });
});
