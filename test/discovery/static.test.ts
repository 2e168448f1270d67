import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DiscoverySink, InstanceInput, SnapshotInfo } from '../../src/core/discovery.js';
import { ConfigError, UnknownServiceError } from '../../src/core/errors.js';
import { staticDiscovery } from '../../src/discovery/static.js';
import { TestHost } from './scripted-source.js';

type Said = { instances?: readonly InstanceInput[]; info?: SnapshotInfo | undefined; error?: unknown };

function ask(services: Parameters<typeof staticDiscovery>[0], service: string): Said {
  const said: Said = {};
  const sink: DiscoverySink = {
    snapshot: (instances, info) => Object.assign(said, { instances, info }),
    patch: () => assert.fail('a static list does not change'),
    failed: (error) => Object.assign(said, { error }),
  };
  staticDiscovery(services).watch(service, sink, new TestHost())();
  return said;
}

describe('staticDiscovery', () => {
  it('says at once what was written down', () => {
    const { instances, info } = ask({ users: ['http://10.0.0.1', { url: 'http://10.0.0.2', weight: 2 }] }, 'users');
    assert.deepEqual(instances, ['http://10.0.0.1', { url: 'http://10.0.0.2', weight: 2 }]);
    assert.equal(info?.live, true);
  });

  it('does not know other services', () => {
    assert.ok(ask({ users: ['http://a'] }, 'billing').error instanceof UnknownServiceError);
    assert.ok(ask({}, 'toString').error instanceof UnknownServiceError);
  });

  it('declares its services', () => {
    const discovery = staticDiscovery({ users: [], 'pay.example.com': ['http://a'] });
    assert.equal(discovery.declares?.('users'), true);
    assert.equal(discovery.declares?.('pay.example.com'), true);
    assert.equal(discovery.declares?.('constructor'), false);
  });

  it('tells names apart as hosts are, without regard to case', () => {
    assert.deepEqual(ask({ Users: ['http://a'] }, 'users').instances, ['http://a']);
    assert.equal(staticDiscovery({ Users: [] }).declares?.('users'), true);
    assert.throws(() => staticDiscovery({ Users: [], users: [] }), /staticDiscovery\.users must be a name that differs/);
  });

  it('is not changed by what happens to the list afterwards', () => {
    const instance = { url: 'http://a', weight: 1 };
    const list: InstanceInput[] = [instance];
    const services = { users: list };
    const discovery = staticDiscovery(services);
    instance.weight = -1;
    list.push('nonsense');
    let seen: readonly InstanceInput[] = [];
    discovery.watch(
      'users',
      { snapshot: (instances) => (seen = [...instances]), patch() {}, failed() {} } as DiscoverySink,
      new TestHost(),
    );
    assert.deepEqual(seen, [{ url: 'http://a', weight: 1 }]);
  });

  const refused: [string, unknown, string, RegExp][] = [
    ['no object', ['http://a'], 'staticDiscovery', /an object with a list/],
    ['a service without a list', { users: 'http://a' }, 'staticDiscovery.users', /a list of instances, got 'http:\/\/a'/],
    ['an instance without a scheme', { users: ['http://a', 'b:80'] }, 'staticDiscovery.users[1]', /must start with http/],
    ['a weight of 0', { users: [{ url: 'http://a', weight: 0 }] }, 'staticDiscovery.users[0]', /weight must be a number above 0/],
    ['a misspelt field', { users: [{ url: 'http://a', wieght: 2 }] }, 'staticDiscovery.users[0].wieght', /one of the options url, id/],
    ['an instance that is there twice', { users: ['http://a', 'http://a:80/'] }, 'staticDiscovery.users[1]', /does not have yet/],
    ['null for an instance', { users: [null] }, 'staticDiscovery.users[0]', /an object of options/],
  ];
  for (const [what, services, path, message] of refused) {
    it(`refuses ${what} when it is made, and says where`, () => {
      assert.throws(
        () => staticDiscovery(services as Parameters<typeof staticDiscovery>[0]),
        (error) => error instanceof ConfigError && error.path === path && message.test(error.message),
      );
    });
  }

  it('shows no password of a refused URL', () => {
    assert.throws(
      () => staticDiscovery({ users: ['http://u:s3cret@a'] }),
      (error: Error) => !error.message.includes('s3cret'),
    );
  });
});
