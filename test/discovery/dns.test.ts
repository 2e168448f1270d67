import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { InstanceInput } from '../../src/core/discovery.js';
import { ConfigError, UnknownServiceError } from '../../src/core/errors.js';
import { type DnsDiscoveryOptions, dnsDiscovery } from '../../src/discovery/dns.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';
import { DnsServer } from '../support/dns-server.js';
import { RecordingSink, until } from './recording-sink.js';
import { makeSet, newCall, TestHost } from './scripted-source.js';

const STEP_MS = 500;

/** A DNS server, and a way to watch a service through it on a clock that the test moves. */
async function zone(test: TestContext) {
  const server = await DnsServer.start();
  test.after(() => server.close());
  const watch = (options: DnsDiscoveryOptions = {}, service = 'users') => {
    const discovery = dnsDiscovery({ servers: [server.address], domain: 'test', timeoutMs: 1_000, tries: 1, ...options });
    const sink = new RecordingSink();
    const host = new TestHost();
    const stop = discovery.watch(service, sink, host);
    test.after(stop);
    return { discovery, sink, host, clock: host.clock, server, stop };
  };
  return { server, watch };
}

async function first(sink: RecordingSink): Promise<void> {
  await until(() => sink.said.length > 0, 'the first answer');
}

/**
 * Moves time on by `ms` at most, to the next lookup and not far beyond it, since its questions are real and take no
 * time of the clock's. Then waits for what comes of it.
 */
async function next({ sink, clock, server }: { sink: RecordingSink; clock: VirtualClock; server: DnsServer }, ms = 60_000): Promise<void> {
  const { length } = sink.said;
  const asked = server.count();
  const endMs = clock.now() + ms;
  while (clock.now() < endMs && server.count() === asked) {
    await clock.advance(Math.min(STEP_MS, endMs - clock.now()));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until(() => sink.said.length > length, 'the next answer');
}

function weights(sink: RecordingSink): Record<string, number | undefined> {
  return Object.fromEntries([...sink.list.values()].map((input) => [urlOf(input), typeof input === 'string' ? 1 : input.weight]));
}

function urlOf(input: InstanceInput): string {
  return typeof input === 'string' ? input : input.url;
}

describe('addresses from DNS', () => {
  it('are those of the A and AAAA records, with the port and scheme of the options', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1', '10.0.0.2', '2001:db8::1']);
    const { sink } = watch({ port: 8080 });
    await first(sink);
    assert.deepEqual(sink.ids, ['http://10.0.0.1:8080', 'http://10.0.0.2:8080', 'http://[2001:db8::1]:8080']);
    const secure = watch({ scheme: 'https' });
    await first(secure.sink);
    assert.deepEqual(secure.sink.ids, ['https://10.0.0.1:443', 'https://10.0.0.2:443', 'https://[2001:db8::1]:443']);
  });

  it('are looked up under the name that the options give the service, else under the domain, else as they are', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('people.internal', ['10.0.0.1']);
    server.addresses('users.test', ['10.0.0.2']);
    server.addresses('users', ['10.0.0.3']);
    const named = watch({ services: { Users: 'people.internal:8080' } });
    const object = watch({ services: { users: { name: 'people.internal', port: 81, scheme: 'https' } } });
    const domain = watch({ domain: '.test' });
    const bare = watch({ domain: '' });
    for (const { sink } of [named, object, domain, bare]) await first(sink);
    assert.deepEqual(named.sink.ids, ['http://10.0.0.1:8080']);
    assert.deepEqual(object.sink.ids, ['https://10.0.0.1:81']);
    assert.deepEqual(domain.sink.ids, ['http://10.0.0.2:80']);
    assert.deepEqual(bare.sink.ids, ['http://10.0.0.3:80']);
    assert.equal(named.discovery.declares?.('users'), true);
    assert.equal(domain.discovery.declares?.('users'), false);
  });

  it('may be of one family alone', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['2001:db8::1']);
    const { sink } = watch();
    await first(sink);
    assert.deepEqual(sink.ids, ['http://[2001:db8::1]:80']);
    server.reply('A', 'billing.test', 'NXDOMAIN');
    server.reply('AAAA', 'billing.test', [{ type: 'AAAA', name: 'billing.test', ttl: 60, data: '2001:db8::2' }]);
    const odd = watch({}, 'billing');
    await first(odd.sink);
    assert.deepEqual(odd.sink.ids, ['http://[2001:db8::2]:80']);
  });

  it('are served although the other family fails', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1']);
    server.reply('AAAA', 'users.test', 'SERVFAIL');
    const { sink } = watch();
    await first(sink);
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
  });

  it('do not wait long for a family that is silent', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1']);
    server.reply('AAAA', 'users.test', 'silence');
    const { sink, clock } = watch({ timeoutMs: 60_000 });
    await until(() => server.count() === 2, 'the questions');
    await until(() => clock.pendingTimers === 2, 'the answer for one family');
    assert.equal(sink.said.length, 0);
    await clock.advance(250);
    await first(sink);
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
  });

  it('of a family that fails for once are kept', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1', '2001:db8::1']);
    const watched = watch();
    const { sink } = watched;
    await first(sink);
    server.addresses('users.test', ['10.0.0.2', '2001:db8::1']);
    server.reply('AAAA', 'users.test', 'SERVFAIL');
    await next(watched);
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80', 'http://[2001:db8::1]:80']);
    server.addresses('users.test', ['10.0.0.2']);
    await next(watched);
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80'], 'an answer without addresses is no failure');
  });

  it('are asked for again when the shortest TTL is nearly over', async (test) => {
    const { server, watch } = await zone(test);
    server.reply('A', 'users.test', [
      { type: 'A', name: 'users.test', ttl: 50, data: '10.0.0.1' },
      { type: 'A', name: 'users.test', ttl: 20, data: '10.0.0.2' },
    ]);
    server.reply('AAAA', 'users.test', [{ type: 'AAAA', name: 'users.test', ttl: 40, data: '2001:db8::1' }]);
    const watched = watch();
    const { sink, clock } = watched;
    await first(sink);
    await clock.advance(15_999);
    assert.equal(server.count('A users.test'), 1);
    await next(watched, 2_001);
  });

  it('have a TTL no shorter and no longer than the options say', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1'], 0);
    const short = watch({ minTtlMs: 5_000 });
    await first(short.sink);
    await short.clock.advance(3_999);
    assert.equal(server.count('A users.test'), 1);
    await next(short, 1_001);
    short.stop();
    server.addresses('users.test', ['10.0.0.1'], 86_400);
    const long = watch({ maxTtlMs: 10_000 });
    await first(long.sink);
    await long.clock.advance(7_999);
    await next(long, 2_001);
  });

  it('keep their endpoints whatever order they come in', async (test) => {
    const { server } = await zone(test);
    server.addresses('users.test', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    const discovery = dnsDiscovery({ servers: [server.address], domain: 'test', timeoutMs: 1_000, tries: 1 });
    const { set, clock, heard } = makeSet({ discovery });
    set.start();
    await set.ready(newCall());
    const endpoints = [...set.view];
    const events = heard.length;
    server.addresses('users.test', ['10.0.0.3', '10.0.0.1', '10.0.0.2']);
    for (let i = 0; i < 120 && server.count() === 2; i++) {
      await clock.advance(STEP_MS);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => (set.listAgeMs ?? STEP_MS) < STEP_MS, 'the second answer');
    assert.deepEqual([...set.view], endpoints);
    assert.equal(heard.length, events);
    await set.close();
  });

  it('are never taken from the answer of an earlier lookup', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1'], 3_600);
    const watched = watch({ maxTtlMs: 1_000 });
    const { sink } = watched;
    await first(sink);
    server.addresses('users.test', ['10.0.0.2'], 3_600);
    await next(watched, 1_000);
    assert.deepEqual(sink.ids, ['http://10.0.0.2:80']);
  });
});

describe('a name that DNS does not have', () => {
  it('is an unknown service, and not a failure', async (test) => {
    const { watch } = await zone(test);
    const { sink } = watch();
    await first(sink);
    assert.ok(sink.last?.error instanceof UnknownServiceError);
    assert.match(String(sink.last.error), /dnsDiscovery \(users\.test\) knows no service/);
  });

  it('may exist for other records', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', []);
    const { sink } = watch();
    await first(sink);
    assert.ok(sink.last?.error instanceof UnknownServiceError);
  });

  it('may be one that no name can be', async (test) => {
    const { watch } = await zone(test);
    const { sink } = watch({}, 'x'.repeat(100));
    await first(sink);
    assert.ok(sink.last?.error instanceof UnknownServiceError);
  });

  it('is asked for again soon', async (test) => {
    const { server, watch } = await zone(test);
    const watched = watch();
    const { sink } = watched;
    await first(sink);
    server.addresses('users.test', ['10.0.0.1']);
    await next(watched, 1_000);
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
  });
});

describe('a DNS server that fails', () => {
  for (const reply of ['SERVFAIL', 'REFUSED', 'silence'] as const) {
    it(`(${reply}) leaves the list as it was`, async (test) => {
      const { server, watch } = await zone(test);
      server.addresses('users.test', ['10.0.0.1']);
      const watched = watch();
      const { sink } = watched;
      await first(sink);
      server.replyToBoth('users.test', reply);
      await next(watched);
      assert.equal(sink.last?.kind, 'failed');
      assert.ok(!(sink.last.error instanceof UnknownServiceError));
      assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
    });
  }

  it('fails the service also where one family has no records', async (test) => {
    const { server, watch } = await zone(test);
    server.reply('A', 'users.test', 'SERVFAIL');
    server.reply('AAAA', 'users.test', []);
    const { sink } = watch();
    await first(sink);
    assert.equal(sink.last?.kind, 'failed');
    assert.match(String(sink.last.error), /ESERVFAIL/);
  });

  it('is not waited for after the watch was stopped', async (test) => {
    const { server, watch } = await zone(test);
    server.replyToBoth('users.test', 'silence');
    const { sink, clock, stop } = watch({ timeoutMs: 60_000, tries: 5 });
    await until(() => server.count() === 2, 'the questions');
    stop();
    await clock.advance(600_000);
    assert.deepEqual(sink.said, []);
    assert.equal(clock.pendingTimers, 0);
    // The process ends although the resolver had minutes left: the test runner waits for it.
  });

  it('lets 50 cold callers share one lookup', async (test) => {
    const { server } = await zone(test);
    server.addresses('users.test', ['10.0.0.1']);
    server.hold();
    const discovery = dnsDiscovery({ servers: [server.address], domain: 'test' });
    const { set } = makeSet({ discovery });
    set.start();
    const calls = Promise.all(Array.from({ length: 50 }, () => set.ready(newCall())));
    await until(() => server.count() >= 2, 'the questions');
    server.release();
    await calls;
    assert.deepEqual([server.count('A users.test'), server.count('AAAA users.test')], [1, 1]);
    await set.close();
  });
});

describe('SRV records', () => {
  it('give ports, priorities and weights, and their targets give the addresses', async (test) => {
    const { server, watch } = await zone(test);
    server.services('_http._tcp.users.test', [
      [0, 10, 8001, 'a.test'],
      [0, 30, 8002, 'b.test'],
      [5, 1, 8003, 'b.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1']);
    server.addresses('b.test', ['10.0.0.2', '2001:db8::2']);
    const { sink } = watch({ services: { users: { name: '_http._tcp.users.test', type: 'srv' } } });
    await first(sink);
    assert.deepEqual(
      [...sink.list.values()],
      [
        { url: 'http://10.0.0.1:8001', priority: 0, weight: 10 },
        { url: 'http://10.0.0.2:8002', priority: 0, weight: 15 },
        { url: 'http://[2001:db8::2]:8002', priority: 0, weight: 15 },
        { url: 'http://10.0.0.2:8003', priority: 5, weight: 0.5 },
        { url: 'http://[2001:db8::2]:8003', priority: 5, weight: 0.5 },
      ],
    );
    assert.equal(server.count('A b.test'), 1, 'a target is asked for once');
  });

  it('of weight 0 are used hardly ever, but are used', async (test) => {
    const { server, watch } = await zone(test);
    server.services('users.test', [
      [0, 0, 80, 'a.test'],
      [0, 1, 80, 'b.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1']);
    server.addresses('b.test', ['10.0.0.2']);
    const { sink } = watch({ type: 'srv' });
    await first(sink);
    assert.deepEqual(weights(sink), { 'http://10.0.0.1:80': 0.01, 'http://10.0.0.2:80': 1 });
  });

  it('that lead to one address add up, and the better priority counts', async (test) => {
    const { server, watch } = await zone(test);
    server.services('users.test', [
      [9, 100, 80, 'a.test'],
      [1, 10, 80, 'a.test'],
      [1, 5, 80, 'alias.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1']);
    server.addresses('alias.test', ['10.0.0.1']);
    const { sink } = watch({ type: 'srv' });
    await first(sink);
    assert.deepEqual([...sink.list.values()], [{ url: 'http://10.0.0.1:80', priority: 1, weight: 15 }]);
  });

  it('are asked for again when the least TTL of their targets is nearly over', async (test) => {
    const { server, watch } = await zone(test);
    server.services('users.test', [
      [0, 1, 80, 'a.test'],
      [0, 1, 80, 'b.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1'], 50);
    server.addresses('b.test', ['10.0.0.2'], 10);
    const watched = watch({ type: 'srv' });
    const { sink, clock } = watched;
    await first(sink);
    await clock.advance(7_999);
    assert.equal(server.count('SRV users.test'), 1);
    await next(watched, 2_001);
  });

  it('keep the addresses of a target that cannot be asked for, and leave out one that does not exist', async (test) => {
    const { server, watch } = await zone(test);
    server.services('users.test', [
      [0, 1, 80, 'a.test'],
      [0, 1, 80, 'b.test'],
      [0, 1, 80, 'missing.test'],
    ]);
    server.addresses('a.test', ['10.0.0.1']);
    server.addresses('b.test', ['10.0.0.2']);
    const watched = watch({ type: 'srv' });
    const { sink } = watched;
    await first(sink);
    assert.deepEqual(Object.keys(weights(sink)), ['http://10.0.0.1:80', 'http://10.0.0.2:80']);
    server.replyToBoth('b.test', 'SERVFAIL');
    server.addresses('a.test', ['10.0.0.9']);
    await next(watched);
    assert.deepEqual(Object.keys(weights(sink)), ['http://10.0.0.9:80', 'http://10.0.0.2:80']);
    server.replyToBoth('a.test', 'SERVFAIL');
    await next(watched);
    assert.equal(sink.last?.kind, 'failed', 'no target could be asked for');
  });

  it('are unknown where there are none, failed where the server fails, and empty where the service says it is not there', async (test) => {
    const { server, watch } = await zone(test);
    server.addresses('users.test', ['10.0.0.1']);
    const unknown = watch({ type: 'srv' });
    await first(unknown.sink);
    assert.ok(unknown.sink.last?.error instanceof UnknownServiceError);
    server.reply('SRV', 'users.test', 'SERVFAIL');
    const failed = watch({ type: 'srv' });
    await first(failed.sink);
    assert.match(String(failed.sink.last?.error), /ESERVFAIL/);
    server.services('users.test', [[0, 0, 0, '.']]);
    const empty = watch({ type: 'srv' });
    await first(empty.sink);
    assert.deepEqual(empty.sink.said, [{ kind: 'snapshot', live: false }]);
    assert.equal(empty.sink.list.size, 0);
  });
});

describe('the options of dnsDiscovery', () => {
  const refused: [string, unknown, string][] = [
    ['a port of 0', { port: 0 }, 'dnsDiscovery.port'],
    ['another type', { type: 'txt' }, 'dnsDiscovery.type'],
    ['another scheme', { scheme: 'ftp' }, 'dnsDiscovery.scheme'],
    ['servers that are no addresses', { servers: ['dns.example.com'] }, 'dnsDiscovery.servers'],
    ['an empty list of servers', { servers: [] }, 'dnsDiscovery.servers'],
    ['a floor above the ceiling', { minTtlMs: 5_000, maxTtlMs: 1_000 }, 'dnsDiscovery.minTtlMs'],
    ['a time of 0', { timeoutMs: 0 }, 'dnsDiscovery.timeoutMs'],
    ['no try', { tries: 0 }, 'dnsDiscovery.tries'],
    ['a domain that is none', { domain: 'a b' }, 'dnsDiscovery.domain'],
    ['an address for a name', { services: { users: '10.0.0.1:80' } }, 'dnsDiscovery.services.users'],
    ['an IPv6 address for a name', { services: { users: '2001:db8::1' } }, 'dnsDiscovery.services.users'],
    ['a port that is none', { services: { users: 'users.test:http' } }, 'dnsDiscovery.services.users'],
    ['a service without a name', { services: { users: { port: 80 } } }, 'dnsDiscovery.services.users.name'],
    ['a port for SRV records', { services: { users: { name: 'a', type: 'srv', port: 80 } } }, 'dnsDiscovery.services.users.port'],
    ['services that are no object', { services: ['users'] }, 'dnsDiscovery.services'],
    ['a misspelt option', { server: '10.0.0.1' }, 'dnsDiscovery.server'],
    ['a misspelt option of a service', { services: { users: { name: 'a', prot: 80 } } }, 'dnsDiscovery.services.users.prot'],
  ];
  for (const [what, options, path] of refused) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => dnsDiscovery(options as DnsDiscoveryOptions),
        (error) => error instanceof ConfigError && error.path === path,
      );
    });
  }

  it('may be left out altogether', () => {
    assert.equal(dnsDiscovery().name, 'dnsDiscovery');
    dnsDiscovery({ minTtlMs: 90_000 });
    dnsDiscovery({ servers: ['10.0.0.1', '10.0.0.2:5353', '[2001:db8::1]:53'] });
  });
});
