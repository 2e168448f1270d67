import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bulkhead,
  type CallOptions,
  circuitBreaker,
  leastRequest,
  type MeshError,
  type MeshOptions,
  type Policy,
  retry,
  roundRobin,
  standard,
  timeout,
  without,
} from '../../src/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

function own(name: string): Policy {
  return Object.defineProperty((next: Parameters<Policy>[0]) => next, 'name', { value: name }) as Policy;
}

describe('defaults and services', () => {
  const stackOf = (options: Partial<MeshOptions>) => {
    const { mesh } = virtualMesh({ endpoints: 1, ...options });
    watched(mesh.fetch('http://users/'));
    const { users } = mesh.inspect().services;
    assert.ok(users);
    return users;
  };

  it('stand as they are where nothing is given', () => {
    const { balancer, policies } = stackOf({});
    assert.equal(balancer, 'adaptive');
    assert.deepEqual(policies, { perCall: ['timeout', 'bulkhead', 'retry'], perAttempt: ['timeout'], perEndpoint: ['circuitBreaker'] });
  });

  it('merge by option: what a service says stands, what it does not say is taken from the defaults', () => {
    const options = {
      defaults: { balancer: roundRobin() },
      services: { users: { policies: standard({ retry: false as const }) }, orders: { balancer: leastRequest() } },
    };
    const { balancer, policies } = stackOf(options);
    assert.equal(balancer, 'roundRobin');
    assert.deepEqual(policies.perCall, ['timeout', 'bulkhead']);
  });

  it('merge by setting where both are standard, one level deep', async () => {
    const { mesh, clock, far } = virtualMesh({
      endpoints: 1,
      defaults: { policies: standard({ timeoutMs: 5_000, retry: { attempts: 5 }, circuitBreaker: false }) },
      services: { users: { policies: standard({ retry: { backoff: { baseMs: 0 } } }) } },
    });
    far.on(address(1), { status: 503 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(100);
    assert.equal(call.response.status, 503);
    assert.equal(far.requests.length, 3, 'retry was given as a whole: its attempts are the default of retry again');
    assert.deepEqual(mesh.inspect().services.users?.policies.perEndpoint, [], 'what the service does not name stays');
  });

  it('merge by policy name where they are lists', () => {
    const { policies } = stackOf({
      defaults: { policies: { perCall: [own('tracing'), timeout({ timeoutMs: 1_000 }), retry()], perEndpoint: [circuitBreaker()] } },
      services: { users: { policies: { perCall: [retry({ attempts: 2 }), own('tenant'), without('timeout')] } } },
    });
    assert.deepEqual(policies, { perCall: ['tracing', 'retry', 'tenant'], perAttempt: [], perEndpoint: ['circuitBreaker'] });
  });

  it('merge over the standard stack where there are no defaults', () => {
    const { policies } = stackOf({
      services: { users: { policies: { perCall: [own('tenant')], perEndpoint: [bulkhead({ concurrency: 2 })] } } },
    });
    assert.deepEqual(policies, {
      perCall: ['timeout', 'bulkhead', 'retry', 'tenant'],
      perAttempt: ['timeout'],
      perEndpoint: ['circuitBreaker', 'bulkhead'],
    });
  });

  it('stand alone where the defaults are lists: then nothing is standard', () => {
    assert.deepEqual(stackOf({ defaults: { policies: { perCall: [retry()] } } }).policies, {
      perCall: ['retry'],
      perAttempt: [],
      perEndpoint: [],
    });
  });

  it('merge connections option by option', async () => {
    const { mesh, far } = virtualMesh({
      endpoints: 1,
      defaults: { connections: { max: 1 }, policies: { perCall: [], perAttempt: [], perEndpoint: [] } },
      services: { users: { connections: { idleMs: 9_000 } } },
    });
    far.on(address(1), { fault: 'hang' });
    watched(mesh.fetch('http://users/'));
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_UNAVAILABLE' });
  });

  it('are the same for a service in any case', () => {
    const { mesh } = virtualMesh({ services: { Users: { balancer: roundRobin() } } });
    watched(mesh.fetch('http://USERS/'));
    assert.equal(mesh.inspect().services.Users?.balancer, 'roundRobin');
  });
});

describe('what one call overrides', () => {
  const bad: Record<string, readonly [object, RegExp]> = {
    'a policy that the stack lacks': [
      { rety: false },
      /mesh\.rety must be the name of a policy in its stack \(timeout, bulkhead, retry, circuitBreaker\)/,
    ],
    'a gate, which counts for all calls': [
      { circuitBreaker: false },
      /circuitBreaker counts for all calls, so one call cannot override it/,
    ],
    'a number of attempts out of range': [{ retry: { attempts: 0 } }, /mesh\.retry: retry\.attempts must be a whole number from 1 to 100/],
    'an option that retry does not let be overridden': [
      { retry: { budgetRatio: 1 } },
      /retry\.budgetRatio must be one of the options attempts/,
    ],
    'a time that is none': [{ timeoutMs: 0 }, /timeout\.timeoutMs must be a number of milliseconds above 0 \(Infinity for none\)/],
    'a deadline that is no time': [{ deadlineMs: Number.NaN }, /timeout\.deadlineMs must be a point in time/],
    'an endpoint that is no name': [{ endpoint: 3 }, /mesh\.endpoint must be the id or URL of an endpoint/],
    'a buffer of less than nothing': [{ bufferBody: -1 }, /mesh\.bufferBody must be a number of bytes/],
    'a word for yes or no': [{ idempotent: 'yes' }, /mesh\.idempotent must be true or false/],
  };
  for (const [what, [options, expected]] of Object.entries(bad)) {
    it(`is refused with nothing sent: ${what}`, async () => {
      const { mesh, far } = virtualMesh();
      await assert.rejects(mesh.fetch('http://users/', { mesh: options as CallOptions }), (error: MeshError) => {
        assert.equal(error.code, 'ERR_MESH_REQUEST');
        assert.equal(error.service, 'users');
        assert.match(error.message, expected);
        return true;
      });
      assert.equal(far.requests.length, 0);
      assert.equal(mesh.inspect().services.users?.active, 0);
    });
  }

  it('may be a policy of the user left out', async () => {
    let met = 0;
    const counting: Policy<'call'> = Object.defineProperty(
      (next: Parameters<Policy>[0]) => (call: Parameters<ReturnType<Policy>>[0]) => ++met && next(call),
      'name',
      { value: 'counting' },
    ) as Policy<'call'>;
    const { mesh } = virtualMesh({ defaults: { policies: { perCall: [counting] } } });
    await mesh.fetch('http://users/');
    await mesh.fetch('http://users/', { mesh: { counting: false } });
    assert.equal(met, 1);
    await assert.rejects(
      mesh.fetch('http://users/', { mesh: { counting: { louder: true } } }),
      /mesh\.counting must be false, which leaves the policy out/,
    );
  });

  it('may be the endpoint, by id or by address', async () => {
    const { mesh, far } = virtualMesh();
    for (let i = 0; i < 10; i++) await mesh.fetch('http://users/', { mesh: { endpoint: address(2) } });
    assert.deepEqual({ ...far.counts }, { [address(2)]: 10 });
    await assert.rejects(mesh.fetch('http://users/', { mesh: { endpoint: 'http://10.9.9.9:80' } }), {
      code: 'ERR_MESH_NO_ENDPOINT',
      message: /mesh\.endpoint/,
    });
  });
});
