import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from '../../src/core/errors.js';
import { RegistryError } from '../../src/registries/registry-error.js';
import { httpServers, ServerList } from '../../src/registries/server-list.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

describe('the servers of a registry', () => {
  it('are used one after the other as they fail, and from the beginning again', () => {
    const list = new ServerList(['a', 'b', 'c'], { next: () => 0.5 });
    const used = Array.from({ length: 4 }, () => {
      const { current } = list;
      list.failed(current);
      return current;
    });
    assert.deepEqual(used, ['b', 'c', 'a', 'b']);
    assert.equal(list.size, 3);
  });

  it('are left once when several requests fail at one of them', () => {
    const list = new ServerList(['a', 'b', 'c'], { next: () => 0 });
    for (let i = 0; i < 5; i++) list.failed('a');
    assert.equal(list.current, 'b');
  });

  it('are spread over a fleet', () => {
    const random = seededRandom(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const { current } = new ServerList(['a', 'b', 'c'], random);
      counts.set(current, (counts.get(current) ?? 0) + 1);
    }
    assert.ok(
      [...counts.values()].every((count) => count > 900 && count < 1_100),
      inspect(counts),
    );
  });
});

describe('the addresses of a registry', () => {
  it('are one URL or a list of them, with credentials and a path where there are some', () => {
    assert.deepEqual(httpServers('address', 'http://127.0.0.1:8500'), ['http://127.0.0.1:8500']);
    const list = ['https://consul.internal', 'http://user:secret@10.0.0.1:8761/eureka', 'http://[::1]:2379'];
    assert.deepEqual(httpServers('address', list), list);
  });

  const refused: unknown[] = [
    undefined,
    7,
    '',
    [],
    [undefined],
    '127.0.0.1:8500',
    'consul',
    'ftp://127.0.0.1',
    'http://127.0.0.1:8500?dc=1',
    'http://127.0.0.1:8500#x',
    ['http://127.0.0.1:8500', 'http://'],
  ];
  for (const given of refused) {
    it(`are refused where they are ${inspect(given)}`, () => {
      assert.throws(() => httpServers('consulDiscovery.address', given), { code: 'ERR_MESH_CONFIG', path: 'consulDiscovery.address' });
    });
  }

  const withSecrets: unknown[] = [
    'ftp://user:hunter2@10.0.0.1:8500',
    'http://user:hunter2@10.0.0.1:8500?x=1',
    'http://user:hunter2@10.0.0.1:99999',
    'http://user:hun/ter2hunter2@10.0.0.1',
    'http://user:hun#ter2hunter2@10.0.0.1',
    'http://user:p@hunter2@10.0.0.1?x',
    'http://hunter2@10.0.0.1#x',
    'user:hunter2@10.0.0.1:8500',
    'http://10.0.0.1:8500?token=hunter2',
    ['http://10.0.0.2', 'http://user:hunter2@10.0.0.1:8500#x'],
    new URL('http://user:hunter2@10.0.0.1:8500'),
    [new URL('http://user:hunter2@10.0.0.1:8500')],
  ];
  for (const given of withSecrets) {
    it(`are refused without a word of the secret in ${String(given)}`, () => {
      assert.throws(
        () => httpServers('address', given),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.doesNotMatch(inspect(error), /hunter2/);
          assert.match(error.message, /10\.0\.0\.1/);
          return true;
        },
      );
    });
  }
});

describe('errors', () => {
  it('of options show no credentials of a URL, whichever option it is given for', () => {
    const error = new ConfigError('etcdDiscovery.endpoint', 'one of the options', 'http://user:hunter2@10.0.0.1:2379/x');
    assert.doesNotMatch(inspect(error), /hunter2|user/);
    assert.match(error.message, /'http:\/\/10\.0\.0\.1:2379\/x'/);
    assert.equal(new ConfigError('path', 'x', 'http://10.0.0.1/a@b').got, 'http://10.0.0.1/a@b');
    assert.equal(new ConfigError('path', 'x', 'someone@example.com').got, 'someone@example.com');
  });

  it('of registries show no credentials of the server', () => {
    for (const server of ['http://user:hunter2@10.0.0.1:8500', 'http://user:p@hunter2@10.0.0.1:8500', 'http://hunter2@10.0.0.1:8500']) {
      const error = new RegistryError({ source: 'consul', server, what: 'answered 500' });
      assert.equal(error.message, 'consul at http://10.0.0.1:8500 answered 500');
      assert.doesNotMatch(inspect(error), /hunter2/);
    }
    const error = new RegistryError({ source: 'zookeeper', server: '10.0.0.1:2181, 10.0.0.2:2181', what: 'could not be reached' });
    assert.equal(error.message, 'zookeeper at 10.0.0.1:2181, 10.0.0.2:2181 could not be reached');
  });
});
