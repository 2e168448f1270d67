import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type Announcement, ConfigError, createMesh, type Lease } from '../../../src/index.js';
import type { EurekaDiscoveryOptions } from '../../../src/registries/eureka/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';
import { eventually } from '../servers/eventually.js';
import { announcedAndCalled, runExample } from '../support/run-example.js';
import { type NativeEntry, nativeEntry } from './entries.js';
import { startProxy } from './proxy.js';
import { type EurekaUnderTest, startEurekaUnderTest } from './under-test.js';
import { RealHost } from './watching.js';

describe('an instance that is announced to a real Eureka', () => {
  let registry: EurekaUnderTest;
  before(async () => {
    registry = await startEurekaUnderTest();
  });
  after(() => registry?.stop());

  async function announce(test: TestContext, announcement: Announcement, options: EurekaDiscoveryOptions = {}) {
    const host = new RealHost();
    const lease = (await registry.source(options).announce?.(announcement, host)) as Lease;
    test.after(() => lease.close());
    return { lease, host };
  }

  /** The entry as it is, past every cache of the server. */
  async function entry(app: string, instanceId: string): Promise<NativeEntry & { lastDirtyTimestamp: string }> {
    const { instance } = (await registry.eureka.call(`/apps/${app}/${instanceId}`)) as { instance: NativeEntry };
    return instance as NativeEntry & { lastDirtyTimestamp: string };
  }

  async function isThere(app: string, instanceId: string): Promise<boolean> {
    return await entry(app, instanceId).then(
      () => true,
      () => false,
    );
  }

  it('stands there in the fields that other clients read', async (test) => {
    const announcement = { service: 'Native', url: 'https://10.0.0.1:8443/api', weight: 2.5, zone: 'eu-1a', metadata: { version: '7' } };
    await announce(test, announcement, { leaseMs: 30_000 });
    const [id = ''] = await eventuallyEntries('native');
    assert.match(id, /^10\.0\.0\.1:Native:8443_api\.[\da-f]{12}$/);
    const { lastDirtyTimestamp, ...found } = await entry('NATIVE', id);
    assert.equal(found.app, 'NATIVE');
    assert.equal(found.hostName, '10.0.0.1');
    assert.equal(found.vipAddress, 'Native');
    assert.equal(found.status, 'UP');
    assert.deepEqual(found.port, { $: 80, '@enabled': 'false' });
    assert.deepEqual(found.securePort, { $: 8443, '@enabled': 'true' });
    assert.equal(found.leaseInfo.durationInSecs, 30);
    assert.equal(found.leaseInfo.renewalIntervalInSecs, 10);
    assert.deepEqual(found.metadata, {
      version: '7',
      weight: '2.5',
      zone: 'eu-1a',
      contextPath: '/api',
      'fetchmesh.id': 'https://10.0.0.1:8443/api',
    });
    assert.ok(Number(lastDirtyTimestamp) > 1_700_000_000_000);
  });

  async function eventuallyEntries(service: string): Promise<readonly string[]> {
    let ids: readonly string[] = [];
    await eventually('the server shows it', async () => {
      ids = await registry.entries(service);
      return ids.length > 0;
    });
    return ids;
  }

  for (const [name, more] of Object.entries({
    plain: { url: 'http://10.0.0.1:8080' },
    full: { url: 'https://[2001:db8::1]:8443/a/b', weight: 0.5, zone: 'z 1', metadata: { 'ä key': '<"&>', __note: '' } },
    odd: { url: 'http://10.0.0.2', id: 'a/b;c%d e?f#g ü' },
  })) {
    it(`is read as what was announced (${name})`, async (test) => {
      const announcement = { service: `read-${name}`, ...more };
      const { lease } = await announce(test, announcement);
      const sink = new RecordingSink();
      test.after(registry.source().watch(announcement.service, sink, new RealHost()));
      await eventually('the list', () => sink.list.size === 1);
      const { url, id = url, ...rest } = more as Partial<Announcement> & { url: string };
      assert.equal(lease.id, 'id' in more ? id : new URL(url).host.includes(':') ? url : `${url}:80`);
      assert.deepEqual(sink.list.get(lease.id), { id: lease.id, ...rest, url: new URL(url).port === '' ? `${url}:80` : url });
      await lease.close();
      await eventually('it has left', () => sink.list.size === 0);
    });
  }

  it('is kept by heartbeats for longer than its lease, and is gone at once when it is closed', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    const { lease, host } = await announce(test, { service: 'kept', url: 'http://10.0.0.1:80' }, { servers: proxy.url, leaseMs: 1_000 });
    const beats = () => proxy.seen.filter((line) => line === 'PUT /apps/KEPT/10.0.0.1:kept:80').length;
    // The server keeps an entry for two leases.
    await eventually('heartbeats of three leases', () => beats() >= 9);
    assert.ok(await isThere('KEPT', '10.0.0.1:kept:80'));
    await lease.close();
    assert.ok(!(await isThere('KEPT', '10.0.0.1:kept:80')));
    await lease.close();
    assert.deepEqual(host.announcements, []);
    const { length } = proxy.seen;
    assert.equal(proxy.seen.filter((line) => line.startsWith('DELETE')).length, 1);
    assert.equal(length, beats() + 3, 'a look, a registration, heartbeats, a removal');
  });

  it('is entered again when the server has lost it, once', async (test) => {
    const { host } = await announce(test, { service: 'lost', url: 'http://10.0.0.1:80' }, { leaseMs: 1_000 });
    await registry.eureka.call('/apps/LOST/10.0.0.1:lost:80', { method: 'DELETE' });
    await eventually('it is there again', () => isThere('LOST', '10.0.0.1:lost:80'));
    await eventually('it was said', () => host.announcements.length === 2);
    assert.deepEqual(host.announcements, ['failed: the registry does not know the instance any more', 'announced']);
    assert.deepEqual(await eventuallyEntries('lost'), ['10.0.0.1:lost:80']);
  });

  it('replaces an entry of its id, also one that is from the future', async (test) => {
    const future = nativeEntry('future', { id: 'i-1', url: 'http://10.9.9.9:9' }, { lastDirtyTimestamp: String(Date.now() + 3_600_000) });
    await registry.putEntry('future', future);
    await announce(test, { service: 'future', url: 'http://10.0.0.1:80', id: 'i-1' });
    assert.equal((await entry('FUTURE', 'i-1')).hostName, '10.0.0.1');
  });

  it('stays shut while an operator says so, whatever it says itself', async (test) => {
    await announce(test, { service: 'operated', url: 'http://10.0.0.1:80', id: 'i-1' }, { leaseMs: 1_000 });
    const sink = new RecordingSink();
    test.after(registry.source().watch('operated', sink, new RealHost()));
    await eventually('it is there', () => sink.list.size === 1);
    await registry.eureka.call('/apps/OPERATED/i-1/status?value=OUT_OF_SERVICE', { method: 'PUT' });
    await eventually('it is shut', () => sink.list.size === 0);
    const proxyRounds = sink.said.length;
    await eventually('some rounds and heartbeats', () => sink.said.length > proxyRounds + 5);
    assert.equal(sink.list.size, 0);
  });

  it('cannot have metadata under keys that mean something else in Eureka', async () => {
    const metadata = { zone: 'x' };
    await assert.rejects(
      async () => registry.source().announce?.({ service: 'users', url: 'http://10.0.0.1', metadata }, new RealHost()),
      (error) => error instanceof ConfigError && error.path === 'announce.metadata.zone',
    );
  });

  it('is what the example shows, and the example leaves nothing behind', async () => {
    assert.deepEqual(
      await runExample('eureka', [`${registry.server.address}/eureka`]),
      announcedAndCalled('Eureka', '; lists follow when they are fetched again'),
    );
    await eventually('the server shows it', async () => {
      const answer = await fetch(`${registry.server.address}/eureka/apps`, { headers: { accept: 'application/json' } });
      return !/(?:USERS|ORDERS)-\d+/.test(await answer.text());
    });
  });

  it('is found and called by another mesh, comes back after a restart that has emptied the registry, and no call fails meanwhile', async (test) => {
    const servers = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1');
        test.after(() => {
          server.close();
          server.closeAllConnections();
        });
        await new Promise((resolve) => server.once('listening', resolve));
        return `http://127.0.0.1:${Object(server.address()).port}`;
      }),
    );
    const serving = createMesh({ discovery: registry.source({ leaseMs: 1_000 }) });
    const calling = createMesh({ discovery: registry.source() });
    test.after(() => Promise.all([serving.close(), calling.close()]));
    const events: string[] = [];
    calling.on('registryFailed', () => events.push('failed'));
    calling.on('registryRecovered', () => events.push('recovered'));
    await serving.announce({ service: 'called', url: servers[0] ?? '' });
    await serving.announce({ service: 'called', url: servers[1] ?? '' });
    await calling.ready(['called'], { minEndpoints: 2 });

    let done = false;
    let calls = 0;
    const callers = (async () => {
      while (!done) {
        assert.equal((await calling.fetch('http://called/')).status, 200);
        calls++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const restarted = registry.server.restart({ empty: true });
    await eventually('the outage', () => events.includes('failed'));
    await restarted;
    await eventually('both are there again', async () => (await registry.entries('called')).length === 2);
    await eventually('it is over', () => events.includes('recovered'));
    await eventually('nothing is doubted any more', () => {
      const service = calling.inspect().services.called;
      return Object(service?.discovery).held === undefined && service?.endpoints.length === 2;
    });
    done = true;
    await callers;
    assert.ok(calls > 50);
    assert.deepEqual(events, ['failed', 'recovered']);
  });
});
