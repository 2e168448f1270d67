import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../src/core/errors.js';
import { answerWithinMs, healthPath } from '../../../src/registries/consul/health-query.js';
import { type ConsulDiscoveryOptions, consulDiscovery } from '../../../src/registries/consul/index.js';
import { consulSettings } from '../../../src/registries/consul/options.js';

function pathOf(options: ConsulDiscoveryOptions, question: Partial<Parameters<typeof healthPath>[0]> = {}): string {
  return healthPath({ service: 'users', datacenter: undefined, index: 0, staleAllowed: true, ...question }, consulSettings(options));
}

describe('the options of consulDiscovery', () => {
  it('all have a default', () => {
    assert.equal(consulDiscovery().name, 'consul');
  });

  for (const [options, path] of [
    [{ address: 'consul:8500' }, 'address'],
    [{ address: [] }, 'address'],
    [{ token: '' }, 'token'],
    [{ token: 'two words' }, 'token'],
    [{ token: 'a', tokenFile: 'b' }, 'tokenFile'],
    [{ tls: 'yes' }, 'tls'],
    [{ datacenter: '' }, 'datacenter'],
    [{ failoverDatacenters: 'dc2' }, 'failoverDatacenters'],
    [{ health: 'any' }, 'health'],
    [{ tags: [1] }, 'tags'],
    [{ nodeMeta: { a: 1 } }, 'nodeMeta'],
    [{ serviceMeta: [] }, 'serviceMeta'],
    [{ consistency: 'strong' }, 'consistency'],
    [{ maxStaleMs: 0 }, 'maxStaleMs'],
    [{ waitMs: 600_001 }, 'waitMs'],
    [{ coalesceMs: 0 }, 'coalesceMs'],
    [{ livenessMs: Number.NaN }, 'livenessMs'],
    [{ requestTimeoutMs: -1 }, 'requestTimeoutMs'],
    [{ scheme: 'ftp' }, 'scheme'],
    [{ leaseMs: 999 }, 'leaseMs'],
    [{ deregisterAfterMs: 59_999 }, 'deregisterAfterMs'],
    [{ keepAlive: 1 }, 'keepAlive'],
    [{ adress: 'http://a' }, 'adress'],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => consulDiscovery(options as unknown as ConsulDiscoveryOptions),
        (error) => error instanceof ConfigError && error.path === `consulDiscovery.${path}`,
      );
    });
  }

  it('never show the token in an error', () => {
    assert.throws(
      () => consulDiscovery({ token: 'my secret' }),
      (error) => error instanceof ConfigError && !error.message.includes('secret'),
    );
  });
});

describe('a question to the health endpoint', () => {
  it('has what the options ask for', () => {
    const path = pathOf(
      {
        tags: ['v1', 'blue'],
        nodeMeta: { rack: '7' },
        serviceMeta: { version: '2"' },
        filter: 'Service.Port == 80 or Service.Port == 81',
        near: '_agent',
        consistency: 'stale',
        namespace: 'team',
        partition: 'part',
        health: 'warning',
        waitMs: 10_000,
      },
      { index: 12, datacenter: 'dc2', service: 'a/b' },
    );
    assert.equal(path.split('?')[0], '/v1/health/service/a%2Fb');
    assert.deepEqual(
      [...new URLSearchParams(path.split('?')[1])],
      [
        ['dc', 'dc2'],
        ['ns', 'team'],
        ['partition', 'part'],
        ['tag', 'v1'],
        ['tag', 'blue'],
        ['node-meta', 'rack:7'],
        ['filter', 'Service.Meta["version"] == "2\\"" and (Service.Port == 80 or Service.Port == 81)'],
        ['near', '_agent'],
        ['stale', ''],
        ['index', '12'],
        ['wait', '10000ms'],
      ],
    );
  });

  it('asks for passing instances of the leader by default, and for certain on demand', () => {
    assert.equal(pathOf({}), '/v1/health/service/users?passing=true');
    assert.equal(pathOf({ consistency: 'consistent' }), '/v1/health/service/users?passing=true&consistent=');
    assert.equal(pathOf({ consistency: 'stale' }, { staleAllowed: false }), '/v1/health/service/users?passing=true');
  });

  it("is waited for longer than Consul's wait with its jitter", () => {
    const settings = consulSettings({ waitMs: 160_000, requestTimeoutMs: 1_000 });
    assert.equal(answerWithinMs(5, settings), 171_000);
    assert.equal(answerWithinMs(0, settings), 1_000);
  });
});
