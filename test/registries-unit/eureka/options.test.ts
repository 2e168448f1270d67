import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../src/index.js';
import { eurekaDiscovery } from '../../../src/registries/eureka/index.js';
import { eurekaSettings } from '../../../src/registries/eureka/options.js';

const wrong: [unknown, string][] = [
  [{ servers: [] }, 'servers'],
  [{ servers: 'eureka:8761' }, 'servers'],
  [{ servers: ['http://a/eureka', 'ftp://b'] }, 'servers'],
  [{ servers: 'http://a/eureka?x=1' }, 'servers'],
  [{ serverOrder: 'first' }, 'serverOrder'],
  [{ fetchMs: 0 }, 'fetchMs'],
  [{ fetchMs: Number.POSITIVE_INFINITY }, 'fetchMs'],
  [{ serverCacheMs: -1 }, 'serverCacheMs'],
  [{ requestTimeoutMs: '5s' }, 'requestTimeoutMs'],
  [{ username: 7 }, 'username'],
  [{ password: 'x' }, 'username'],
  [{ tls: true }, 'tls'],
  [{ by: 'name' }, 'by'],
  [{ address: 'ip' }, 'address'],
  [{ preferSecure: 'yes' }, 'preferSecure'],
  [{ zone: 1 }, 'zone'],
  [{ leaseMs: 999 }, 'leaseMs'],
  [{ keepAlive: 1 }, 'keepAlive'],
  [{ server: 'http://a' }, 'server'],
];

describe('the options of eurekaDiscovery', () => {
  for (const [options, key] of wrong) {
    it(`are refused when the source is made: ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => eurekaDiscovery(options as never),
        (error) => error instanceof ConfigError && error.path === `eurekaDiscovery.${key}`,
      );
    });
  }

  it('have defaults for everything', () => {
    const { servers, fetchMs, leaseMs } = eurekaSettings({});
    assert.deepEqual(servers, [{ url: 'http://127.0.0.1:8761/eureka', authorization: undefined }]);
    assert.deepEqual([fetchMs, leaseMs], [30_000, 90_000]);
    assert.equal(eurekaDiscovery().propagationMs, 60_000);
  });

  it('take credentials from the URL, and show them to nobody', () => {
    const basic = (user: string) => `Basic ${Buffer.from(user).toString('base64')}`;
    const { servers } = eurekaSettings({ servers: ['http://us:p%40ss@a:1/eureka/', 'http://b/'] });
    assert.deepEqual(servers, [
      { url: 'http://a:1/eureka', authorization: basic('us:p@ss') },
      { url: 'http://b', authorization: undefined },
    ]);
    const given = eurekaSettings({ servers: 'http://us:100%@a', username: 'other' });
    assert.equal(given.servers[0]?.authorization, basic('other:100%'));
  });

  it('round a lease up to whole seconds', () => {
    assert.equal(eurekaSettings({ leaseMs: 1_001 }).leaseMs, 2_000);
  });
});
