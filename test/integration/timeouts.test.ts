import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MeshErrorCode, type Policy, type StandardOptions, standard, TimeoutError } from '../../src/index.js';
import { mockRegistry } from '../../src/testing/index.js';
import { address, type VirtualMeshOptions, virtualMesh, type Watched, watched } from '../support/virtual-mesh.js';

/** Deadlines may run over by 1/64, never short. */
const SLACK = 1 + 1 / 64;

function meshOf(policies: StandardOptions, script: object = { fault: 'hang' }, options: VirtualMeshOptions = {}) {
  return virtualMesh({ endpoints: 1, scripts: { [address(1)]: script }, defaults: { policies: standard(policies) }, ...options });
}

function timedOut({ error }: Watched, code: MeshErrorCode, hint: RegExp): void {
  assert.ok(error instanceof TimeoutError, String(error));
  assert.equal(error.name, 'TimeoutError');
  assert.equal(error.code, code);
  assert.equal(error.service, 'users');
  assert.match(error.message, hint);
}

describe('the time of a call', () => {
  it('bounds all attempts and the waits between them, never early', async () => {
    const { mesh, clock, far } = meshOf({
      timeoutMs: 1_000,
      attemptTimeoutMs: 300,
      retry: { attempts: 10, backoff: { baseMs: 0 } },
      circuitBreaker: false,
    });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(999);
    assert.equal(call.state, 'waiting');
    await clock.advance(1_000 * SLACK - 999);
    timedOut(
      call,
      'ERR_MESH_TIMEOUT',
      /timeoutMs: 1000\); change it with timeoutMs in standard\(\).* or for one call with mesh: \{ timeoutMs \}/,
    );
    assert.ok(call.error.attempts.length >= 3);
    assert.equal(far.open, 0);
    assert.equal(mesh.inspect().services.users?.active, 0);
  });

  it('can be changed for one call', async () => {
    const { mesh, clock } = meshOf({});
    const call = watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 50 } }));
    await clock.advance(51);
    timedOut(call, 'ERR_MESH_TIMEOUT', /timeoutMs: 50\)/);
  });

  it('ends at the headers: a body that flows may take for ever', async () => {
    const { mesh, clock } = meshOf({ timeoutMs: 1_000 }, { body: 'x'.repeat(1_000), bodyMs: 30_000 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const text = call.response.text();
    await clock.advance(30_000);
    assert.equal((await text).length, 1_000);
  });
});

describe('the time of an attempt', () => {
  it('makes a failed attempt, whose retry goes elsewhere', async () => {
    const { mesh, clock, far } = meshOf({ attemptTimeoutMs: 200 }, { fault: 'hang' }, { endpoints: 2 });
    far.on(address(2), { status: 200 });
    const calls = [watched(mesh.fetch('http://users/')), watched(mesh.fetch('http://users/'))];
    await clock.advance(200 * SLACK + 100);
    assert.deepEqual(
      calls.map(({ response }) => response.status),
      [200, 200],
    );
    assert.equal(far.open, 0);
  });

  it('is named in the error where it was the last word', async () => {
    const { mesh, clock } = meshOf({ attemptTimeoutMs: 200, retry: false });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(200 * SLACK);
    timedOut(
      call,
      'ERR_MESH_ATTEMPT_TIMEOUT',
      /the attempt at http:\/\/10\.0\.0\.1:80 .*attemptTimeoutMs: 200.*mesh: \{ attemptTimeoutMs \}/,
    );
  });

  it('counts against the endpoint, and the time of the whole call does too', async () => {
    const { mesh, clock } = meshOf({ timeoutMs: 200, attemptTimeoutMs: 100, retry: false });
    watched(mesh.fetch('http://users/'));
    await clock.advance(300);
    watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 50 } }));
    await clock.advance(300);
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.failures, 2);
  });

  it('is a POST sent once, since nobody knows what became of it', async () => {
    const { mesh, clock, far } = meshOf({ attemptTimeoutMs: 200 });
    const call = watched(mesh.fetch('http://users/', { method: 'POST', body: 'x' }));
    await clock.advance(1_000);
    timedOut(call, 'ERR_MESH_ATTEMPT_TIMEOUT', /1 attempt: /);
    assert.equal(far.requests.length, 1);
  });

  it('begins with the attempt, not with a policy above it that took its time', async () => {
    const slow: Policy<'call'> = Object.defineProperty(
      (next) => (call) => new Promise<void>((resolve) => clock.setTimer(resolve, 600)).then(() => next(call)),
      'name',
      { value: 'slow' },
    );
    const base = standard({ attemptTimeoutMs: 500 });
    const [limit, ...rest] = base.perCall ?? [];
    assert.ok(limit);
    const { mesh, clock, far } = meshOf({}, { latencyMs: 100 }, { defaults: { policies: { ...base, perCall: [limit, slow, ...rest] } } });
    await clock.advance(1_000);
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(590);
    // A deadline of another call looks at all that are due.
    const other = watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 20, slow: false } }));
    await clock.advance(30);
    timedOut(other, 'ERR_MESH_TIMEOUT', /timeoutMs: 20/);
    await clock.advance(200);
    assert.equal(call.response.status, 200);
    assert.equal(far.requests.length, 2);
  });

  it('does not run while the first list is awaited', async () => {
    const registry = mockRegistry({ users: [address(1)] });
    registry.delay(1_500);
    const { mesh, clock, far } = meshOf({ attemptTimeoutMs: 500 }, {}, { registry });
    const retries: unknown[] = [];
    mesh.on('retry', (event) => retries.push(event));
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(1_500);
    assert.deepEqual(retries, []);
    assert.equal(call.response.status, 200);
    assert.equal(far.requests.length, 1);
  });
});

describe('the idle time of a body', () => {
  it('cuts off a body in which nothing moves', async () => {
    const { mesh, clock, far } = meshOf({ bodyIdleTimeoutMs: 400 }, { body: 'half of it', bodyMs: 1e9 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const failed = assert.rejects(call.response.text(), (error: TimeoutError) => {
      assert.ok(error instanceof TimeoutError);
      assert.equal(error.code, 'ERR_MESH_BODY_IDLE');
      assert.match(error.message, /bodyIdleTimeoutMs: 400; change it with bodyIdleTimeoutMs .*\(Infinity for none\)/);
      return true;
    });
    await clock.advance(399);
    assert.equal(far.open, 1);
    await clock.advance(110);
    await failed;
    assert.equal(far.open, 0);
    assert.equal(mesh.inspect().services.users?.active, 0);
  });

  it('can be switched off for one call', async () => {
    const { mesh, clock, far } = meshOf({ bodyIdleTimeoutMs: 400 }, { body: 'half of it', bodyMs: 100_000 });
    const call = watched(mesh.fetch('http://users/', { mesh: { bodyIdleTimeoutMs: Number.POSITIVE_INFINITY } }));
    await clock.advance(99_000);
    assert.equal(far.open, 1);
    await clock.advance(1_000);
    assert.equal(await call.response.text(), 'half of it');
  });

  it('is a second for an answer that a retry has given up, and nobody reads', async () => {
    const { mesh, clock, far } = meshOf({}, { status: 503, body: 'never all', bodyMs: 1e9 }, { endpoints: 2 });
    far.on(address(2), { status: 200 });
    for (let i = 0; i < 4; i++) watched(mesh.fetch('http://users/'));
    await clock.advance(100);
    assert.equal(far.open > 0, true, 'it is being read to its end');
    await clock.advance(1_000);
    assert.equal(far.open, 0);
    assert.deepEqual(
      mesh.inspect().services.users?.endpoints.map(({ inFlight }) => inFlight),
      [0, 0],
    );
  });
});

describe('a deadline', () => {
  it('fails a call that comes too late with nothing sent', async () => {
    const { mesh, clock, far } = meshOf({});
    const call = watched(mesh.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() - 1 } }));
    await clock.settle();
    timedOut(call, 'ERR_MESH_DEADLINE', /not yet sent at the deadline/);
    assert.equal(far.requests.length, 0);
  });

  it('ends a call without an answer, however much time it has otherwise', async () => {
    const { mesh, clock, far } = meshOf({});
    const call = watched(mesh.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() + 3_000 } }));
    await clock.advance(3_000 * SLACK);
    timedOut(call, 'ERR_MESH_DEADLINE', /had no answer at the deadline/);
    assert.equal(far.open, 0);
  });

  it('covers the last byte of the body', async () => {
    const { mesh, clock, far } = meshOf({}, { body: 'never all', bodyMs: 50_000 });
    const call = watched(mesh.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() + 3_000 } }));
    await clock.settle();
    const failed = assert.rejects(call.response.text(), { code: 'ERR_MESH_DEADLINE', message: /the body was not complete/ });
    await clock.advance(3_000 * SLACK);
    await failed;
    assert.equal(far.open, 0);
  });

  it('is a point on the wall clock once, and then a duration: a correction does not move it', async () => {
    const { mesh, clock } = meshOf({});
    const call = watched(mesh.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() + 3_000 } }));
    clock.setWallTime(clock.wallTime() + 3_600_000);
    await clock.advance(2_900);
    assert.equal(call.state, 'waiting');
    await clock.advance(200);
    timedOut(call, 'ERR_MESH_DEADLINE', /deadline/);
  });

  it('travels on as the time that each attempt has left', async () => {
    const { mesh, clock, far } = meshOf({
      attemptTimeoutMs: 1_000,
      deadlineHeader: 'x-time-left-ms',
      retry: { attempts: 2, backoff: { baseMs: 0 } },
    });
    watched(mesh.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() + 1_500 } }));
    await clock.advance(2_000);
    const left = far.requests.map(({ headers }) => Number(headers['x-time-left-ms']));
    assert.equal(left.length, 2);
    assert.equal(left[0], 1_000);
    assert.ok(left[1] !== undefined && left[1] <= 500 && left[1] > 450, String(left[1]));
  });
});

describe('waiting in a queue', () => {
  it('ends with its own time and its own error', async () => {
    const { mesh, clock } = meshOf({ bulkhead: { concurrency: 1, queue: 5, queueTimeoutMs: 300 } });
    watched(mesh.fetch('http://users/'));
    const queued = watched(mesh.fetch('http://users/'));
    await clock.advance(300 * SLACK);
    timedOut(queued, 'ERR_MESH_QUEUE_TIMEOUT', /queueTimeoutMs: 300, and 1 calls of at most 1 are under way; nothing was sent/);
  });

  it('counts towards the time of the call', async () => {
    const { mesh, clock } = meshOf({ timeoutMs: 500, attemptTimeoutMs: 500, bulkhead: { concurrency: 1, queue: 5, queueTimeoutMs: 500 } });
    watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 10_000, attemptTimeoutMs: 10_000 } }));
    const queued = watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 100 } }));
    await clock.advance(100 * SLACK);
    timedOut(queued, 'ERR_MESH_TIMEOUT', /timeoutMs: 100/);
  });
});
