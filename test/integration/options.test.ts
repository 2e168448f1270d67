import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bulkhead,
  type CallOptions,
  ConfigError,
  circuitBreaker,
  createMesh,
  leastRequest,
  MeshError,
  type MeshOptions,
  type Policy,
  p2c,
  retry,
  roundRobin,
  standard,
  staticDiscovery,
  timeout,
  without,
} from '../../src/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

const discovery = staticDiscovery({ users: [address(1)] });

/** Options as somebody without a type checker may write them. */
function makeWith(options: object): void {
  createMesh({ discovery, ...options } as MeshOptions);
}

function own(name: string): Policy {
  return Object.defineProperty((next: Parameters<Policy>[0]) => next, 'name', { value: name }) as Policy;
}

const hugeWait = 1e12;

/** Each: what is written, the path that the error names, and what it says that it expects. */
const BAD: Record<string, readonly [path: string, options: () => object, expected: RegExp]> = {
  'an option that there is not': ['retries', () => ({ retries: 3 }), /one of the options discovery, defaults, services/],
  'no discovery': ['discovery', () => ({ discovery: undefined }), /a source of endpoints/],
  'a list in place of a discovery': ['discovery', () => ({ discovery: [address(1)] }), /a source of endpoints/],
  'an unknown way with unknown hosts': ['unknownHosts', () => ({ unknownHosts: 'ignore' }), /'passthrough' or 'error'/],
  'claims that are no list': ['claims', () => ({ claims: 'users' }), /a list of host names, a pattern or a function/],
  'claims of which one is no host name': ['claims', () => ({ claims: ['users', 3] }), /a list of host names/],
  'a clock without timers': ['clock', () => ({ clock: { now: () => 0 } }), /the method setTimer/],
  'chance that is a function': ['random', () => ({ random: Math.random }), /the method next/],
  'a transport that does not connect': ['transport', () => ({ transport: {} }), /the method connect/],
  'a transport that is null': ['transport', () => ({ transport: null }), /the method connect/],
  'an unknown option of the cache': ['cache.ttlMs', () => ({ cache: { ttlMs: 5 } }), /one of the options maxServices/],
  'a cache for no service': ['cache.maxServices', () => ({ cache: { maxServices: 0 } }), /a whole number from 1 to 100000/],
  'a cache for half a service': ['cache.maxServices', () => ({ cache: { maxServices: 1.5 } }), /a whole number/],
  'a hold of no time': ['cache.holdMs', () => ({ cache: { holdMs: 0 } }), /milliseconds above 0/],
  'a failure that is remembered for ever': [
    'cache.negativeTtlMs',
    () => ({ cache: { negativeTtlMs: Number.POSITIVE_INFINITY } }),
    /milliseconds above 0/,
  ],
  'a wait in words': ['cache.coldTimeoutMs', () => ({ cache: { coldTimeoutMs: '5s' } }), /milliseconds above 0, got '5s'/],
  'defaults that are a list': ['defaults', () => ({ defaults: [] }), /an object of options/],
  'services that are a list': ['services', () => ({ services: ['users'] }), /an object with the options of each service/],
  'an unknown default': ['defaults.timeoutMs', () => ({ defaults: { timeoutMs: 5 } }), /one of the options balancer, policies/],
  'an unknown option of a service': [
    'services.users.retry',
    () => ({ services: { users: { retry: false } } }),
    /one of the options balancer/,
  ],
  'a service of null': ['services.users', () => ({ services: { users: null } }), /an object of options/],
  'a service without a name': ['services', () => ({ services: { '': {} } }), /1 to 253 characters/],
  'two services that differ in case alone': [
    'services.USERS',
    () => ({ services: { users: {}, USERS: {} } }),
    /differs from the others in more than case/,
  ],
  'a balancer by name': ['defaults.balancer', () => ({ defaults: { balancer: 'p2c' } }), /a balancer, such as p2c\(\), got 'p2c'/],
  'a balancer that was not called': [
    'services.users.balancer',
    () => ({ services: { users: { balancer: p2c } } }),
    /a balancer, such as p2c\(\)/,
  ],
  'an unknown host rule': ['services.users.host', () => ({ services: { users: { host: 'users.example' } } }), /'service' or 'endpoint'/],
  'a classifier that is no function': ['defaults.classify', () => ({ defaults: { classify: [500] } }), /a function/],
  'an unknown option of connections': [
    'defaults.connections.keepAlive',
    () => ({ defaults: { connections: { keepAlive: 1 } } }),
    /one of the options max, idleMs/,
  ],
  'no connection': ['defaults.connections.max', () => ({ defaults: { connections: { max: 0 } } }), /a whole number from 1 to 65535/],
  'an idle time that is negative': [
    'services.users.connections.idleMs',
    () => ({ services: { users: { connections: { idleMs: -1 } } } }),
    /above 0/,
  ],
  'an age that is no number': [
    'defaults.connections.maxAgeMs',
    () => ({ defaults: { connections: { maxAgeMs: Number.NaN } } }),
    /\(Infinity for none\)/,
  ],
  'a time to connect that is endless': [
    'defaults.connections.connectTimeoutMs',
    () => ({ defaults: { connections: { connectTimeoutMs: Number.POSITIVE_INFINITY } } }),
    /above 0/,
  ],
  'TLS options that are a string': ['defaults.tls', () => ({ defaults: { tls: 'ca.pem' } }), /an object of options/],
  'a misspelt TLS option': [
    'services.users.tls.rejectUnauthorised',
    () => ({ services: { users: { tls: { rejectUnauthorised: false } } } }),
    /rejectUnauthorized/,
  ],
  'policies that are one list': ['defaults.policies', () => ({ defaults: { policies: [retry()] } }), /standard\(\{\.\.\.\}\) or the lists/],
  'a list of policies that there is not': [
    'defaults.policies.perRequest',
    () => ({ defaults: { policies: { perRequest: [] } } }),
    /one of the lists perCall/,
  ],
  'policies that are no list': [
    'defaults.policies.perCall',
    () => ({ defaults: { policies: { perCall: retry() } } }),
    /a list of policies/,
  ],
  'a policy that was not called': [
    'services.users.policies.perCall[0]',
    () => ({ services: { users: { policies: { perCall: [{ attempts: 3 }] } } } }),
    /a policy, such as retry\(\)/,
  ],
  'a policy without a name': [
    'defaults.policies.perCall[1]',
    () => ({ defaults: { policies: { perCall: [retry(), Object.defineProperty(() => () => {}, 'name', { value: '' })] } } }),
    /a policy with a name/,
  ],
  'a policy twice': [
    'defaults.policies.perCall[1]',
    () => ({ defaults: { policies: { perCall: [retry(), retry()] } } }),
    /once in its list, got 'retry'/,
  ],
  'a policy where it may not stand': [
    'defaults.policies.perEndpoint[0]',
    () => ({ defaults: { policies: { perEndpoint: [retry()] } } }),
    /'retry' stands in perCall only/,
  ],
  'a bulkhead below the balancer with a queue': [
    'defaults.policies.perEndpoint[0].bulkhead.queue',
    () => ({ defaults: { policies: { perEndpoint: [bulkhead({ concurrency: 2, queue: 3 })] } } }),
    /left out in perEndpoint/,
  ],
  'a bulkhead below the balancer without a bound': [
    'defaults.policies.perEndpoint[0].bulkhead.concurrency',
    () => ({ defaults: { policies: { perEndpoint: [bulkhead()] } } }),
    /a whole number of at least 1/,
  ],
  'a body time for one try': [
    'defaults.policies.perAttempt[0].timeout.bodyIdleTimeoutMs',
    () => ({ defaults: { policies: { perAttempt: [timeout({ bodyIdleTimeoutMs: 5 })] } } }),
    /left out below perCall/,
  ],
  'a time of an attempt above that of the call': [
    'standard.attemptTimeoutMs',
    () => ({ defaults: { policies: standard({ timeoutMs: 500, attemptTimeoutMs: 501 }) } }),
    /at most timeoutMs \(500\), got 501/,
  ],
  'a time of an attempt above that of the call, in two places': [
    'services.users.policies.standard.attemptTimeoutMs',
    () => ({
      defaults: { policies: standard({ attemptTimeoutMs: 5_000 }) },
      services: { users: { policies: standard({ timeoutMs: 1_000 }) } },
    }),
    /at most timeoutMs \(1000\), got 5000/,
  ],
  'a queue that waits longer than the call may': [
    'standard.bulkhead.queueTimeoutMs',
    () => ({ defaults: { policies: standard({ timeoutMs: 500, bulkhead: { queueTimeoutMs: 600 } }) } }),
    /at most timeoutMs \(500\)/,
  ],
  'an unknown option of standard': [
    'standard.retries',
    () => ({ defaults: { policies: standard({ retries: 3 } as object) } }),
    /one of the options timeoutMs/,
  ],
  'a retry that never tries': [
    'retry.attempts',
    () => ({ defaults: { policies: standard({ retry: { attempts: 0 } }) } }),
    /a whole number from 1 to 100, got 0/,
  ],
  'a budget above everything': [
    'retry.budgetRatio',
    () => ({ defaults: { policies: standard({ retry: { budgetRatio: 2 } }) } }),
    /from 0 to 1, got 2/,
  ],
  'two budgets': [
    'retry.budget',
    () => ({
      defaults: { policies: standard({ retry: { budget: { tokens: 1, credit() {}, take: () => true, refund() {} }, budgetRatio: 0.1 } }) },
    }),
    /left out where budgetRatio/,
  ],
  'a backoff that shrinks': [
    'retry.backoff.baseMs',
    () => ({ defaults: { policies: standard({ retry: { backoff: { baseMs: 50, maxMs: 10 } } }) } }),
    /at most retry\.backoff\.maxMs \(10\)/,
  ],
  'a backoff in another unit': [
    'retry.backoff.maxMs',
    () => ({ defaults: { policies: standard({ retry: { backoff: { maxMs: hugeWait } } }) } }),
    /milliseconds from 0 to 3600000/,
  ],
  'a breaker that opens at nothing': [
    'circuitBreaker.failureRatio',
    () => ({ defaults: { policies: standard({ circuitBreaker: { failureRatio: 0 } }) } }),
    /above 0/,
  ],
  'a breaker in per cent': [
    'circuitBreaker.failureRatio',
    () => ({ defaults: { policies: standard({ circuitBreaker: { failureRatio: 50 } }) } }),
    /from 0 to 1, got 50/,
  ],
  'a bulkhead of none': [
    'bulkhead.concurrency',
    () => ({ defaults: { policies: standard({ bulkhead: { concurrency: 0 } }) } }),
    /a whole number of at least 1/,
  ],
  'half a request per endpoint': [
    'standard.endpointConcurrency',
    () => ({ defaults: { policies: standard({ endpointConcurrency: 0.5 }) } }),
    /a whole number of at least 1/,
  ],
};

describe('a bad option fails when it is written, and the error names it', () => {
  for (const [what, [path, options, expected]] of Object.entries(BAD)) {
    it(what, () => {
      assert.throws(
        () => makeWith(options()),
        (error: ConfigError) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.ok(error instanceof MeshError);
          assert.ok(error instanceof TypeError);
          assert.equal(error.code, 'ERR_MESH_CONFIG');
          assert.equal(error.path, path);
          assert.ok(error.message.startsWith(`${path} must be `), error.message);
          assert.match(error.message, expected);
          return true;
        },
      );
    });
  }

  it('none at all', () => {
    assert.throws(() => createMesh(undefined as never), { code: 'ERR_MESH_CONFIG' });
  });
});

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
    assert.equal(balancer, 'p2c');
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
