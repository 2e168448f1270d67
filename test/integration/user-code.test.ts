import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Balancer, type Classifier, gatePolicy, type MeshOptions, type Policy, type PolicyLists, standard } from '../../src/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

/** What is reported as a process warning while `work` runs, and how often. */
async function warningsOf(work: () => Promise<unknown>): Promise<string[]> {
  const messages: string[] = [];
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === 'FETCHMESH_FAULT') messages.push(warning.message.split('\n')[0] as string);
  };
  process.on('warning', hear);
  try {
    await work();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', hear);
  }
  return messages;
}

function named<Value extends object>(name: string, value: Value): Value {
  return Object.defineProperty(value, 'name', { value: name });
}

/** The standard lists, with policies of the user's around them. */
function around(own: PolicyLists, options = {}): PolicyLists {
  const { perCall = [], perAttempt = [], perEndpoint = [] } = standard(options);
  return {
    perCall: [...(own.perCall ?? []), ...perCall],
    perAttempt: [...(own.perAttempt ?? []), ...perAttempt],
    perEndpoint: [...perEndpoint, ...(own.perEndpoint ?? [])],
  };
}

function boom(): never {
  throw new Error('boom');
}

describe('code of the user that throws', () => {
  it('as a listener is reported once, and neither fails nor repeats a request', async () => {
    const { mesh, clock, far } = virtualMesh({ endpoints: 2 });
    far.on(address(1), { status: 503 });
    let heard = 0;
    mesh.on('retry', boom);
    mesh.on('retry', () => heard++);
    mesh.on('endpointAdded', boom);
    const warnings = await warningsOf(async () => {
      for (let i = 0; i < 4; i++) {
        const call = watched(mesh.fetch('http://users/'));
        await clock.advance(1_000);
        assert.equal(call.response.status, 200);
      }
    });
    assert.equal(far.requests.length, 4 + heard);
    assert.ok(heard >= 1);
    assert.deepEqual(warnings, ["a listener for 'endpointAdded' threw: Error: boom", "a listener for 'retry' threw: Error: boom"]);
  });

  it('as an asynchronous listener does not bring the process down', async () => {
    const { mesh } = virtualMesh({ endpoints: 1 });
    mesh.on('endpointAdded', async () => boom());
    const warnings = await warningsOf(() => mesh.fetch('http://users/'));
    assert.deepEqual(warnings, ["a listener for 'endpointAdded' threw: Error: boom"]);
  });

  it('as a classifier leaves the decision to the default one', async () => {
    const { mesh, clock, far } = virtualMesh({ endpoints: 2, defaults: { classify: () => boom() } });
    far.on(address(1), { status: 503 });
    far.on(address(2), { status: 503 });
    const warnings = await warningsOf(async () => {
      const call = watched(mesh.fetch('http://users/'));
      await clock.advance(1_000);
      assert.equal(call.response.status, 503);
    });
    assert.equal(far.requests.length, 3);
    assert.deepEqual(warnings, ['classify threw: Error: boom'], 'once, and not at every request');
  });

  it('or a classifier that says nonsense does so too', async () => {
    const classify = (() => 'splendid') as unknown as Classifier;
    const { mesh, far } = virtualMesh({ endpoints: 1, defaults: { classify } });
    far.on(address(1), { status: 500 });
    const warnings = await warningsOf(() => mesh.fetch('http://users/'));
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.failures, 1);
    assert.match(warnings[0] ?? '', /classify threw: .*'splendid'/);
  });

  it('as a rule of what to retry leaves that to the verdict', async () => {
    const { mesh, clock, far } = virtualMesh({ defaults: { policies: standard({ retry: { retryOn: boom } }) } });
    for (const nth of [1, 2, 3]) far.on(address(nth), { status: 503 });
    await warningsOf(async () => {
      watched(mesh.fetch('http://users/'));
      await clock.advance(1_000);
    });
    assert.equal(far.requests.length, 3);
  });

  it('as a gate leaves the request and the other gates alone', async () => {
    const seen: string[] = [];
    const broken = gatePolicy('broken', () => ({ begin: boom, settle: boom, release: boom, dispose: boom, inspect: boom }));
    const sound = gatePolicy('sound', () => ({
      begin: () => void seen.push('begin'),
      settle: (verdict) => void seen.push(verdict),
      release: (ending) => void seen.push(ending),
      dispose: () => void seen.push('dispose'),
    }));
    const { mesh, far } = virtualMesh({ endpoints: 1, defaults: { policies: around({ perEndpoint: [broken, sound] }) } });
    await warningsOf(async () => {
      const response = await mesh.fetch('http://users/');
      assert.equal(response.status, 200);
      const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
      assert.equal(endpoint?.inFlight, 0);
      assert.deepEqual(endpoint?.gates.broken, { error: 'boom' });
      await mesh.close();
    });
    assert.deepEqual(seen, ['begin', 'success', 'ended', 'dispose']);
    assert.equal(far.requests.length, 1);
  });

  const places: Record<string, (policy: Policy) => Partial<MeshOptions>> = {
    perCall: (policy) => ({ defaults: { policies: around({ perCall: [policy] }) } }),
    perAttempt: (policy) => ({ defaults: { policies: around({ perAttempt: [policy] }) } }),
    perEndpoint: (policy) => ({ defaults: { policies: around({ perEndpoint: [policy] }) } }),
  };
  const policies: Record<string, () => Policy> = {
    'throws where it should reject': () => named('thrower', () => boom),
    rejects: () => named('rejecter', () => async () => boom()),
    'throws after the answer came': () => named('late', (next) => (call) => next(call).then(boom)),
    'cannot be built': () => named('unbuildable', boom),
  };
  for (const [place, options] of Object.entries(places)) {
    for (const [what, policy] of Object.entries(policies)) {
      it(`as a policy in ${place} that ${what} fails its own call alone, and leaves nothing behind`, async () => {
        const { mesh, clock, far } = virtualMesh({ endpoints: 2, ...options(policy()) });
        const calls = Array.from({ length: 5 }, () => watched(mesh.fetch('http://users/', { method: 'POST', body: 'x' })));
        await clock.advance(5_000);
        for (const { reason } of calls) assert.match(String(reason), /boom/);
        assert.ok(far.requests.length <= 5, `${far.requests.length} requests of 5 calls`);
        const { users } = mesh.inspect().services;
        assert.equal(users?.active ?? 0, 0);
        assert.ok((users?.endpoints ?? []).every(({ inFlight }) => inFlight === 0));
        const closing = mesh.close();
        await clock.settle();
        await closing;
        assert.equal(clock.pendingTimers, 0);
      });
    }
  }

  it('as a balancer fails the call where it picks, and nothing where it learns', async () => {
    const balancer: Balancer = {
      name: 'broken',
      build: ({ view }) => ({ pick: () => view.bySlot[view.slots[0] as number], settle: boom }),
    };
    const { mesh, far } = virtualMesh({ endpoints: 1, defaults: { balancer } });
    await warningsOf(async () => {
      assert.equal((await mesh.fetch('http://users/', { method: 'POST' })).status, 200);
    });
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.inFlight, 0);
    const unable = virtualMesh({ endpoints: 1, defaults: { balancer: { name: 'unable', build: () => ({ pick: boom }) } } });
    const call = watched(unable.mesh.fetch('http://users/'));
    await unable.clock.advance(5_000);
    assert.match(String(call.reason), /boom/);
    assert.equal(unable.mesh.inspect().services.users?.active, 0);
    assert.equal(far.requests.length, 1);
  });

  it('when a body has ended does not keep the places of others', async () => {
    const curious: Policy<'attempt'> = named(
      'curious',
      (next) => (call) =>
        next(call).then((reply) => {
          reply.onEnd(() => boom());
          return reply;
        }),
    );
    const { mesh, clock } = virtualMesh({
      endpoints: 1,
      scripts: { [address(1)]: { body: 'slow', bodyMs: 100 } },
      defaults: { policies: around({ perAttempt: [curious] }) },
    });
    const warnings = await warningsOf(async () => {
      const call = watched(mesh.fetch('http://users/'));
      await clock.settle();
      const text = call.response.text();
      await clock.advance(100);
      assert.equal(await text, 'slow');
    });
    assert.equal(mesh.inspect().services.users?.active, 0);
    assert.deepEqual(warnings, ["a listener for a body's end threw: Error: boom"]);
  });
});
