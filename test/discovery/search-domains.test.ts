import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigError, UnknownServiceError } from '../../src/core/errors.js';
import { type DnsDiscoveryOptions, dnsDiscovery } from '../../src/discovery/dns.js';
import { parseResolvConf } from '../../src/discovery/resolv-conf.js';
import { searchNames } from '../../src/discovery/search-domains.js';
import { DnsServer } from '../support/dns-server.js';
import { RecordingSink, temporaryFolder, until } from './recording-sink.js';
import { TestHost } from './scripted-source.js';

describe('the names that a short name stands for', () => {
  const search = ['default.svc.cluster.local', 'svc.cluster.local'];

  it('are those in the search domains first, where it has fewer dots than ndots', () => {
    assert.deepEqual(searchNames('users', { search, ndots: 1 }), ['users.default.svc.cluster.local', 'users.svc.cluster.local', 'users']);
    assert.deepEqual(searchNames('users.other', { search, ndots: 5 })[1], 'users.other.svc.cluster.local');
  });

  it('begin with the name itself, where it has as many', () => {
    assert.deepEqual(searchNames('users.internal', { search: ['test'], ndots: 1 }), ['users.internal', 'users.internal.test']);
    assert.deepEqual(searchNames('users', { search: ['test'], ndots: 0 }), ['users', 'users.test']);
  });

  it('are the name alone, where it ends with a dot or there is nowhere to search', () => {
    assert.deepEqual(searchNames('users.internal.', { search, ndots: 5 }), ['users.internal.']);
    assert.deepEqual(searchNames('users', { search: [], ndots: 5 }), ['users']);
  });
});

describe('a resolv.conf', () => {
  it('gives servers, search domains and ndots', () => {
    const text =
      'search default.svc.cluster.local svc.cluster.local. \n nameserver 10.96.0.10\nnameserver fe80::1%eth0\noptions timeout:2 ndots:5 edns0\n';
    assert.deepEqual(parseResolvConf(text), {
      servers: ['10.96.0.10', 'fe80::1%eth0'],
      search: ['default.svc.cluster.local', 'svc.cluster.local'],
      ndots: 5,
    });
  });

  it('counts the last of its search and domain lines', () => {
    assert.deepEqual(parseResolvConf('search a b\ndomain c d').search, ['c']);
    assert.deepEqual(parseResolvConf('domain c\nsearch a b').search, ['a', 'b']);
  });

  it('is read as far as it makes sense', () => {
    const text =
      '# search x\n; options ndots:9\nnameserver none\nnameserver\nsearch . a http://evil/ \noptions ndots:x ndots:99\n\0\nbogus';
    assert.deepEqual(parseResolvConf(text), { servers: [], search: ['a'], ndots: 15 });
    assert.deepEqual(parseResolvConf(''), { servers: [], search: [], ndots: 1 });
  });
});

describe('a search in DNS', () => {
  async function watched(test: TestContext, options: DnsDiscoveryOptions, prepare: (server: DnsServer) => void) {
    const server = await DnsServer.start();
    test.after(() => server.close());
    prepare(server);
    const sink = new RecordingSink();
    const host = new TestHost();
    const stop = dnsDiscovery({ servers: [server.address], timeoutMs: 1_000, tries: 1, ...options }).watch('users', sink, host);
    test.after(stop);
    await until(() => sink.said.length > 0, 'the first answer');
    return { server, sink, host };
  }

  it('takes the first domain that has the name', async (test) => {
    const { server, sink } = await watched(test, { search: ['a.test', '.b.test', 'c.test'] }, (zone) => {
      zone.addresses('users.b.test', ['10.0.0.2']);
      zone.addresses('users.c.test', ['10.0.0.3']);
      zone.addresses('users', ['10.0.0.4']);
    });
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80']);
    assert.equal(server.count('A users.c.test'), 0);
  });

  it('goes on after a domain that has the name for other records only', async (test) => {
    const { sink } = await watched(test, { search: ['a.test', 'b.test'] }, (zone) => {
      zone.addresses('users.a.test', []);
      zone.addresses('users.b.test', ['10.0.0.2']);
    });
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80']);
  });

  it('ends at a domain that cannot be asked: the next might have something else by that name', async (test) => {
    const { sink } = await watched(test, { search: ['a.test', 'b.test'] }, (zone) => {
      zone.replyToBoth('users.a.test', 'SERVFAIL');
      zone.addresses('users.b.test', ['10.0.0.2']);
    });
    assert.equal(sink.last?.kind, 'failed');
    assert.ok(!(sink.last.error instanceof UnknownServiceError));
  });

  it('that finds nothing names everything it looked for', async (test) => {
    const { sink } = await watched(test, { search: ['a.test'], ndots: 2 }, () => {});
    assert.ok(sink.last?.error instanceof UnknownServiceError);
    assert.match(String(sink.last.error), /users\.a\.test, users\)/);
  });

  it('finds SRV records too, and does not search for their targets', async (test) => {
    const options: DnsDiscoveryOptions = { search: ['test'], ndots: 3, services: { users: { name: '_http._tcp.users', type: 'srv' } } };
    const { sink, server } = await watched(test, options, (zone) => {
      zone.services('_http._tcp.users.test', [[0, 1, 8080, 'a.other']]);
      zone.addresses('a.other', ['10.0.0.1']);
    });
    assert.deepEqual(sink.ids, ['http://10.0.0.1:8080']);
    assert.equal(server.count('A a.other.test'), 0);
  });

  it('follows a resolv.conf that changes, and keeps to the last one while it is missing', async (test) => {
    const path = join(temporaryFolder(test), 'resolv.conf');
    writeFileSync(path, 'nameserver 192.0.2.1\nsearch a.test\n');
    const { server, sink, host } = await watched(test, { resolvConf: path }, (zone) => {
      zone.addresses('users.a.test', ['10.0.0.1'], 1);
      zone.addresses('users.b.test', ['10.0.0.2'], 1);
    });
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80'], 'and the option `servers` counts, not the file');
    rmSync(path);
    const again = async () => {
      const asked = server.count();
      const { length } = sink.said;
      await host.clock.advance(1_000);
      await until(() => server.count() > asked && sink.said.length > length, 'the next answer');
    };
    await again();
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
    writeFileSync(`${path}.new`, 'search b.test\n');
    renameSync(`${path}.new`, path);
    await again();
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80']);
  });

  it('needs the resolv.conf that the options name', async (test) => {
    const { sink } = await watched(test, { resolvConf: '/nowhere/resolv.conf' }, () => {});
    assert.match(String(sink.last?.error), /dnsDiscovery\.resolvConf: \/nowhere\/resolv\.conf cannot be read/);
  });

  it('has its options checked when the source is made', () => {
    for (const [options, path] of [
      [{ search: 'a.test' }, 'dnsDiscovery.search'],
      [{ search: ['a.test', '10.0.0.1'] }, 'dnsDiscovery.search[1]'],
      [{ ndots: 16 }, 'dnsDiscovery.ndots'],
      [{ resolvConf: 1 }, 'dnsDiscovery.resolvConf'],
    ] as const) {
      assert.throws(
        () => dnsDiscovery(options as never),
        (error) => error instanceof ConfigError && error.path === path,
      );
    }
  });
});

describe('an SRV record whose target has no address', () => {
  it('is left out and reported once, for as long as that is so', async (test) => {
    const server = await DnsServer.start();
    test.after(() => server.close());
    server.services('users.test', [
      [0, 1, 8080, 'a.test'],
      [0, 1, 8081, 'gone.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1'], 1);
    const sink = new RecordingSink();
    const host = new TestHost();
    const discovery = dnsDiscovery({ servers: [server.address], domain: 'test', type: 'srv', timeoutMs: 1_000, tries: 1 });
    test.after(discovery.watch('users', sink, host));
    for (let answers = 1; answers <= 3; answers++) {
      await until(() => sink.said.length >= answers, 'an answer');
      await host.clock.advance(1_000);
    }
    assert.deepEqual(sink.ids, ['http://10.0.0.1:8080']);
    assert.deepEqual(host.skippedEntries, [
      { service: 'users', entry: 'gone.test:8081', reason: 'the target of an SRV record of users.test has no address' },
    ]);
  });
});
