import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../../src/index.js';
import { zookeeperDiscovery } from '../../../src/registries/zookeeper/index.js';
import { checkedSettings } from '../../../src/registries/zookeeper/options.js';

function refusal(options: unknown): ConfigError {
  try {
    zookeeperDiscovery(options as Parameters<typeof zookeeperDiscovery>[0]);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error;
  }
  throw new Error('it was taken');
}

describe('the options of zookeeperDiscovery', () => {
  test('take servers as ZooKeeper writes them, with ports, IPv6 and a chroot', () => {
    const { servers, root } = checkedSettings({ servers: 'a, b:2182,[::1]:2183/prod/eu' });
    assert.deepEqual(
      servers.map(({ label }) => label),
      ['a:2181', 'b:2182', '[::1]:2183'],
    );
    assert.equal(servers[2]?.host, '::1');
    assert.equal(root, '/prod/eu/services');
    assert.equal(checkedSettings({ servers: ['a/x', 'b/x'], basePath: '/' }).root, '/x');
  });

  for (const [path, options] of [
    ['zookeeperDiscovery.servers', { servers: '' }],
    ['zookeeperDiscovery.servers', { servers: [] }],
    ['zookeeperDiscovery.servers', {}],
    ['zookeeperDiscovery.servers', { servers: 'http://a:2181' }],
    ['zookeeperDiscovery.servers', { servers: 'a:70000' }],
    ['zookeeperDiscovery.servers', { servers: ['a/x', 'b/y'] }],
    ['zookeeperDiscovery.servers', { servers: 'a/x/../y' }],
    ['zookeeperDiscovery.basePath', { servers: 'a', basePath: 'services' }],
    ['zookeeperDiscovery.basePath', { servers: 'a', basePath: '/a//b' }],
    ['zookeeperDiscovery.sessionTimeoutMs', { servers: 'a', sessionTimeoutMs: 0 }],
    ['zookeeperDiscovery.requestTimeoutMs', { servers: 'a', requestTimeoutMs: Number.POSITIVE_INFINITY }],
    ['zookeeperDiscovery.auth.scheme', { servers: 'a', auth: { credentials: 'u:p' } }],
    [
      'zookeeperDiscovery.auth[1].credentials',
      {
        servers: 'a',
        auth: [
          { scheme: 'ip', credentials: '' },
          { scheme: 'digest', credentials: 'secret' },
        ],
      },
    ],
    ['zookeeperDiscovery.acl', { servers: 'a', acl: 'private' }],
    ['zookeeperDiscovery.acl', { servers: 'a', acl: 'world' }],
    ['zookeeperDiscovery.payloadClass', { servers: 'a', payloadClass: '' }],
    ['zookeeperDiscovery.tls', { servers: 'a', tls: true }],
    ['zookeeperDiscovery.keepAlive', { servers: 'a', keepAlive: 1 }],
    ['zookeeperDiscovery.server', { servers: 'a', server: 'a' }],
  ] as const) {
    test(`${path} is refused in ${JSON.stringify(options)}`, () => assert.equal(refusal(options).path, path));
  }

  test('do not repeat credentials in an error', () => {
    const { message } = refusal({ servers: 'a', auth: { scheme: 'digest', credentials: 'hunter2' } });
    assert.doesNotMatch(message, /hunter2/);
  });
});
