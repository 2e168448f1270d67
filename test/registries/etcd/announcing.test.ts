import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Announcement, Lease } from '../../../src/core/discovery.js';
import { ConfigError } from '../../../src/core/errors.js';
import { until } from '../../discovery/recording-sink.js';
import { base64, type Etcd, startEtcd } from '../servers/etcd.js';
import { Network } from '../support/network.js';
import { type SourceInTest, sourceInTest } from './source-in-test.js';

let etcd: Etcd;
before(async () => {
  etcd = await startEtcd();
});
after(() => etcd.stop());

interface Entered {
  readonly id: string;
  readonly value: unknown;
  readonly lease: string;
}

async function entered(service: string, from: Etcd = etcd): Promise<readonly Entered[]> {
  const prefix = `services/${service}/`;
  const answer = await from.call('kv/range', { key: base64(prefix), range_end: base64(`services/${service}0`) });
  const { kvs = [] } = answer as { kvs?: readonly { key: string; value: string; lease?: string }[] };
  const text = (encoded: string) => Buffer.from(encoded, 'base64').toString('utf8');
  return kvs.map(({ key, value, lease = '0' }) => ({ id: text(key).slice(prefix.length), value: JSON.parse(text(value)), lease }));
}

/** Waits for something that only etcd can tell. */
async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > 15_000) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function announce(test: TestContext, { discovery, host }: SourceInTest, announcement: Announcement): Promise<Lease> {
  assert.ok(discovery.announce);
  const lease = await discovery.announce(announcement, host);
  test.after(() => lease.close().catch(() => {}));
  return lease;
}

describe('an instance that is announced in etcd', () => {
  it("is entered in the layout of Go's naming/endpoints, and read back as it was", async (test) => {
    const source = sourceInTest(test, { endpoints: etcd.endpoints });
    const sink = source.watch('layout');
    const metadata = { version: '7', zone: 'of the user', snow: '\u2603' };
    await announce(test, source, {
      service: 'layout',
      url: 'https://[2001:db8::1]:8443/api',
      id: 'i-1',
      weight: 2.5,
      zone: 'eu-1a',
      metadata,
    });
    await announce(test, source, { service: 'layout', url: 'http://10.0.0.2:8080' });
    assert.deepEqual(
      (await entered('layout')).map(({ id, value }) => ({ id, value })),
      [
        { id: 'http://10.0.0.2:8080', value: { Op: 0, Addr: '10.0.0.2:8080', Metadata: {} } },
        {
          id: 'i-1',
          value: {
            Op: 0,
            Addr: '[2001:db8::1]:8443',
            Metadata: {
              version: '7',
              snow: '\u2603',
              url: 'https://[2001:db8::1]:8443/api',
              weight: 2.5,
              zone: 'eu-1a',
              metadata: { zone: 'of the user' },
            },
          },
        },
      ],
    );
    await until(() => sink.list.size === 2, 'both');
    assert.deepEqual(sink.list.get('i-1'), { id: 'i-1', url: 'https://[2001:db8::1]:8443/api', weight: 2.5, zone: 'eu-1a', metadata });
  });

  it('is out at once when it is taken back, however often that is asked for', async (test) => {
    const source = sourceInTest(test, { endpoints: etcd.endpoints });
    const lease = await announce(test, source, { service: 'leaving', url: 'http://10.0.0.1:80' });
    assert.equal((await entered('leaving')).length, 1);
    await Promise.all([lease.close(), lease.close()]);
    assert.deepEqual(await entered('leaving'), []);
    await lease.close();
  });

  it('is there once when it is announced twice, and stays when the first announcement ends', async (test) => {
    const [first, second] = [sourceInTest(test, { endpoints: etcd.endpoints }), sourceInTest(test, { endpoints: etcd.endpoints })];
    const before = await announce(test, first, { service: 'twice', url: 'http://10.0.0.1:80', id: 'a' });
    await announce(test, second, { service: 'twice', url: 'http://10.0.0.2:80', id: 'a' });
    assert.equal((await entered('twice')).length, 1);
    await before.close();
    assert.deepEqual(
      (await entered('twice')).map(({ value }) => (value as { Addr: string }).Addr),
      ['10.0.0.2:80'],
    );
  });

  it('outlives its lease for as long as it is kept alive', async (test) => {
    const source = sourceInTest(test, { endpoints: etcd.endpoints, leaseMs: 1_000 });
    await announce(test, source, { service: 'alive', url: 'http://10.0.0.1:80', id: 'a' });
    const [{ lease } = { lease: '' }] = await entered('alive');
    const startedMs = performance.now();
    await eventually(async () => {
      assert.equal((await entered('alive'))[0]?.lease, lease);
      return performance.now() - startedMs > 3_000;
    }, 'three leases');
    assert.deepEqual(source.host.announcements, []);
  });

  it('is gone when its process was cut off for a lease, and there again, once, as soon as it is not', async (test) => {
    const network = await Network.to(etcd.server.address);
    test.after(() => network.close());
    const source = sourceInTest(test, { endpoints: `http://${network.address}`, leaseMs: 1_000 });
    await announce(test, source, { service: 'cut', url: 'http://10.0.0.1:80', id: 'a' });
    network.turn('refusing');
    await eventually(async () => (await entered('cut')).length === 0, 'the end of the lease');
    network.turn('open');
    await eventually(async () => (await entered('cut')).length === 1, 'the return');
    await until(() => source.host.announcements.length === 2, 'both reports');
    assert.deepEqual(
      source.host.announcements.map(({ kind, instance }) => [kind, instance]),
      [
        ['failed', 'a'],
        ['announced', 'a'],
      ],
    );
  });

  it('is entered anew when its lease was revoked or its key was deleted', async (test) => {
    const source = sourceInTest(test, { endpoints: etcd.endpoints, leaseMs: 1_000 });
    await announce(test, source, { service: 'lost', url: 'http://10.0.0.1:80', id: 'a' });
    const [{ lease } = { lease: '' }] = await entered('lost');
    await etcd.call('lease/revoke', { ID: lease });
    await eventually(async () => (await entered('lost')).length === 1, 'a new lease');
    const [{ lease: newLease } = { lease: '' }] = await entered('lost');
    assert.notEqual(newLease, lease);
    await etcd.call('kv/deleterange', { key: base64('services/lost/a') });
    await eventually(async () => (await entered('lost')).length === 1, 'the key');
    assert.equal((await entered('lost'))[0]?.lease, newLease);
  });

  it('is entered anew, once, when etcd comes back without its data', async (test) => {
    const own = await startEtcd();
    test.after(() => own.stop());
    const source = sourceInTest(test, { endpoints: own.endpoints, leaseMs: 2_000 });
    const lease = await announce(test, source, { service: 'again', url: 'http://10.0.0.1:80', id: 'a' });
    await own.restart({ empty: true });
    await eventually(async () => (await entered('again', own)).length === 1, 'the return');
    await lease.close();
    assert.deepEqual(await entered('again', own), []);
  });

  it('is refused when nobody could call it, or etcd is not there', async (test) => {
    const source = sourceInTest(test, { endpoints: etcd.endpoints });
    await assert.rejects(announce(test, source, { service: 'bad', url: 'http://0.0.0.0:80' }), ConfigError);
    const nowhere = sourceInTest(test, { endpoints: 'http://127.0.0.1:1' });
    await assert.rejects(announce(test, nowhere, { service: 'bad', url: 'http://10.0.0.1:80' }), {
      name: 'RegistryError',
      message: /^etcd at http:\/\/127\.0\.0\.1:1 could not be asked \(.*ECONNREFUSED/,
    });
    assert.deepEqual(await entered('bad'), []);
  });
});
