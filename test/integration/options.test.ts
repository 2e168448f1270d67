import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bulkhead,
  ConfigError,
  createMesh,
  MeshError,
  type MeshOptions,
  p2c,
  retry,
  standard,
  staticDiscovery,
  timeout,
} from '../../src/index.js';
import { address } from '../support/virtual-mesh.js';

const discovery = staticDiscovery({ users: [address(1)] });

/** Options as somebody without a type checker may write them. */
function makeWith(options: object): void {
  createMesh({ discovery, ...options } as MeshOptions);
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
  'a balancer by name': ['defaults.balancer', () => ({ defaults: { balancer: 'p2c' } }), /a balancer, such as adaptive\(\), got 'p2c'/],
  'a balancer that was not called': [
    'services.users.balancer',
    () => ({ services: { users: { balancer: p2c } } }),
    /a balancer, such as adaptive\(\)/,
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
