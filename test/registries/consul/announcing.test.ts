import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Announcement, Discovery, Lease } from '../../../src/index.js';
import { type ConsulDiscoveryOptions, consulDiscovery } from '../../../src/registries/consul/index.js';
import { follow, SocketHost } from '../../registries-unit/consul/following.js';
import { type Consul, startConsul, startConsulAgent } from '../servers/consul.js';
import { eventually } from '../servers/eventually.js';
import { registryOf } from './under-test.js';

const LEASE_MS = 1_500;

/** A source that announces, until the test is over. */
function announcer(test: TestContext, options: ConsulDiscoveryOptions) {
  const discovery: Discovery = consulDiscovery({ leaseMs: LEASE_MS, ...options });
  const host = new SocketHost();
  test.after(() => discovery.close?.());
  return {
    host,
    announce: (announcement: Announcement): Promise<Lease> =>
      discovery.announce?.(announcement, host) ?? Promise.reject(new Error('it cannot')),
  };
}

describe('an instance that is announced to Consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul();
  });
  after(() => consul.stop());

  it('is read back as it was announced, and stands where others look for it', async (test) => {
    const { announce } = announcer(test, { address: consul.address, announceTags: ['v2'] });
    const metadata = { version: '2', 'a.b': 'dots', long: 'x'.repeat(2_000), naïve: '\u{1f600}' };
    const lease = await announce({ service: 'exact', url: 'https://10.0.0.1:8443/api', weight: 2.5, zone: 'eu-1a', metadata });
    const { sink, saidTimes } = follow(test, { address: consul.address }, 'exact');
    await saidTimes(1);
    assert.deepEqual(
      [...sink.list.values()],
      [{ id: lease.id, url: 'https://10.0.0.1:8443/api', weight: 2.5, zone: 'eu-1a', priority: 0, metadata: { ...metadata, tags: 'v2' } }],
    );
    const [native] = (await consul.call('/v1/catalog/service/exact')) as readonly Record<string, unknown>[];
    assert.deepEqual([native?.ServiceAddress, native?.ServicePort, native?.ServiceTags], ['10.0.0.1', 8443, ['v2']]);
    assert.deepEqual(native?.ServiceWeights, { Passing: 3, Warning: 1 });
    const meta = native?.ServiceMeta as Record<string, string>;
    assert.deepEqual([meta.zone, meta.version, meta.path, meta.scheme], ['eu-1a', '2', '/api', 'https']);
    await lease.close();
    await eventually('it is gone', () => sink.ids.length === 0);
  });

  it('may have an IPv6 address, and one id in two services', async (test) => {
    const { announce } = announcer(test, { address: consul.address });
    const leases = [
      await announce({ service: 'six', url: 'http://[fd00::1]:80', id: 'i' }),
      await announce({ service: 'seven', url: 'http://[fd00::1]:80', id: 'i' }),
    ];
    for (const service of ['six', 'seven']) {
      const { sink, saidTimes } = follow(test, { address: consul.address }, service);
      await saidTimes(1);
      assert.deepEqual(
        Array.from(sink.list.values(), (each) => typeof each === 'object' && [each.id, each.url]),
        [['i', 'http://[fd00::1]:80']],
      );
    }
    await Promise.all(leases.map((lease) => lease.close()));
  });

  it('is renewed for as long as its lease is open, and counts as gone soon after nobody renews it', async (test) => {
    const { announce } = announcer(test, { address: consul.address });
    const { sink, said } = follow(test, { address: consul.address }, 'renewed');
    const lease = await announce({ service: 'renewed', url: 'http://10.0.0.1:80' });
    await eventually('it is there', () => sink.ids.length === 1);
    const since = performance.now();
    await eventually('three leases are over', () => performance.now() - since > 3 * LEASE_MS);
    assert.ok(!said().includes('patch +0 -1'), said().join());
    // Somebody who announces and dies: a registration of the same kind that nobody renews.
    await consul.call('/v1/agent/service/register', {
      method: 'PUT',
      body: { ID: 'dead', Name: 'renewed', Address: '10.0.0.2', Port: 80, Check: { TTL: `${LEASE_MS}ms`, Status: 'passing' } },
    });
    await eventually('the second is there', () => sink.ids.length === 2);
    await eventually('the second is gone', () => sink.ids.length === 1);
    assert.deepEqual(sink.ids, [lease.id]);
    await lease.close();
  });

  it('is one entry, however often it is announced', async (test) => {
    const { announce } = announcer(test, { address: consul.address });
    const announcement = { service: 'once', url: 'http://10.0.0.1:80' };
    const [lease] = await Promise.all([announce(announcement), announce(announcement)]);
    assert.deepEqual(await registryOf(consul).entries('once'), ['once:http://10.0.0.1:80']);
    await lease?.close();
  });

  it('is refused where Consul has no room for what it says of itself', async (test) => {
    const { announce } = announcer(test, { address: consul.address });
    const metadata = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`key.${i}`, '\u{1f600}'.repeat(60)]));
    await assert.rejects(announce({ service: 'big', url: 'http://10.0.0.1:80', metadata }), /64 entries of 512 bytes/);
  });
});

describe('an announced instance whose agent fails', { concurrency: true }, () => {
  it('is entered again, once, when the agent comes back with nothing', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const { announce, host } = announcer(test, { address: consul.address });
    const lease = await announce({ service: 'users', url: 'http://10.0.0.1:80' });
    await consul.restart({ empty: true });
    const registry = registryOf(consul);
    await eventually('it is there', async () => (await registry.entries('users')).length === 1, { withinMs: 10_000 });
    await eventually('that was told', () => host.announcements.includes('announced'));
    await lease.close();
    assert.deepEqual(await registry.entries('users'), []);
  });

  it('goes to another agent, and is one entry again when the first comes back with its data', async (test) => {
    const server = await startConsul();
    test.after(() => server.stop());
    const agents = await Promise.all([startConsulAgent(server), startConsulAgent(server)]);
    for (const agent of agents) test.after(() => agent.stop());
    const [first, second] = agents;
    assert.ok(first && second);
    const { announce } = announcer(test, { address: [first.address, second.address], requestTimeoutMs: 1_000 });
    const { sink } = follow(test, { address: server.address });
    const lease = await announce({ service: 'users', url: 'http://10.0.0.1:80' });
    const servicesOf = async (agent: Consul): Promise<number> => Object.keys((await agent.call('/v1/agent/services')) as object).length;
    assert.deepEqual([await servicesOf(first), await servicesOf(second)], [1, 0]);
    await first.kill();
    await eventually('the second has it', async () => (await servicesOf(second)) === 1);
    await first.restart();
    await eventually('the first has it no more', async () => (await servicesOf(first)) === 0);
    await eventually('it is one entry', async () => (await registryOf(server).entries('users')).length === 1);
    assert.deepEqual(sink.ids, [lease.id]);
    await lease.close();
    await eventually('it is gone', () => sink.ids.length === 0);
  });
});
