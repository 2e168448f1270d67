import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RegistryError } from '../../../src/registries/zookeeper/index.js';
import { startZooKeeper, type ZooKeeper } from '../servers/zookeeper.js';
import { curatorData, Hands } from './hands.js';
import { eventually, listed, RecordingHost, sourceOf, watching } from './watching.js';

describe('announcing in ZooKeeper', () => {
  let zooKeeper: ZooKeeper;
  let hands: Hands;
  before(async () => {
    zooKeeper = await startZooKeeper();
    hands = await Hands.connect(zooKeeper.servers);
  });
  after(async () => {
    await hands?.close();
    await zooKeeper?.stop();
  });
  const ownerOf = async (path: string) =>
    (await hands.call<{ ephemeralOwner: Buffer } | null>((done) => hands.client.exists(path, done)))?.ephemeralOwner.readBigInt64BE();

  test('makes an ephemeral znode that Curator can read, and what stands above it', async (t) => {
    const source = sourceOf(t, { servers: `${zooKeeper.servers}/new/chroot`, basePath: '/deep/path' });
    const host = new RecordingHost();
    const announcement = { service: 'users', url: 'https://127.0.0.1:9000/api', id: 'one', weight: 2, zone: 'z', metadata: { v: '1' } };
    const lease = await source.announce?.(announcement, host);
    const path = '/new/chroot/deep/path/users/one';
    const { name, id, address, port, sslPort, serviceType } = JSON.parse((await hands.read(path)).toString());
    assert.deepEqual(
      { name, id, address, port, sslPort, serviceType },
      { name: 'users', id: 'one', address: '127.0.0.1', port: null, sslPort: 9000, serviceType: 'DYNAMIC' },
    );
    assert.notEqual(await ownerOf(path), 0n);
    const { sink } = watching(t, source, 'users');
    await listed(sink, 'one');
    assert.deepEqual(sink.list.get('one'), {
      id: 'one',
      url: 'https://127.0.0.1:9000/api',
      weight: 2,
      zone: 'z',
      metadata: { v: '1' },
    });
    await lease?.close();
    await lease?.close();
    await listed(sink);
    assert.deepEqual(await hands.children('/new/chroot/deep/path/users'), []);
  });

  test('uses the URL as the id, in a name that a znode can have', async (t) => {
    const source = sourceOf(t, { servers: zooKeeper.servers });
    const { sink, host } = watching(t, source, 'urls');
    const lease = await source.announce?.({ service: 'urls', url: 'http://127.0.0.1:9000/base' }, host);
    assert.equal(lease?.id, 'http://127.0.0.1:9000/base');
    assert.deepEqual(await hands.children('/services/urls'), ['http%3A%2F%2F127.0.0.1%3A9000%2Fbase']);
    await listed(sink, 'http://127.0.0.1:9000/base');
  });

  test('makes the znode again when somebody deletes it', async (t) => {
    const source = sourceOf(t, { servers: zooKeeper.servers });
    const host = new RecordingHost();
    await source.announce?.({ service: 'deleted', url: 'http://127.0.0.1:9000', id: 'one' }, host);
    for (let time = 0; time < 2; time++) {
      const before = host.reports.length;
      await hands.delete('/services/deleted/one');
      await eventually(async () => host.reports.slice(before).some((each) => each === 'announced deleted one'), 'its return');
      assert.match(host.reports[before] ?? '', /^failed deleted one: .*somebody has deleted/);
      assert.deepEqual(await hands.children('/services/deleted'), ['one']);
    }
  });

  test('takes the place of what an earlier run left, also where it is not ephemeral', async (t) => {
    const killed = await Hands.connect(zooKeeper.servers);
    t.after(() => killed.close());
    await hands.makeFolder('/services/left');
    await killed.call((done) => killed.client.create('/services/left/one', Buffer.from('{}'), 1, done));
    await hands.write('/services/left/two', curatorData('left', { id: 'two', url: 'http://127.0.0.1:1' }));
    const source = sourceOf(t, { servers: zooKeeper.servers });
    const { sink, host } = watching(t, source, 'left');
    for (const id of ['one', 'two']) await source.announce?.({ service: 'left', url: 'http://127.0.0.1:9000', id }, host);
    await listed(sink, 'one', 'two');
    assert.equal(await ownerOf('/services/left/one'), await ownerOf('/services/left/two'));
    assert.deepEqual(
      host.reports.filter((report) => !report.startsWith('skipped')),
      [],
      'replacing it is no loss of it',
    );
    await source.close?.();
    assert.deepEqual(await hands.children('/services/left'), []);
  });

  test('of one id in two processes leaves one entry, and the second has it until it ends', async (t) => {
    const hosts = [new RecordingHost(), new RecordingHost()] as const;
    const sources = [sourceOf(t, { servers: zooKeeper.servers }), sourceOf(t, { servers: zooKeeper.servers })] as const;
    const leases = [];
    for (const [index, source] of sources.entries()) {
      const url = `http://127.0.0.1:900${index}`;
      leases.push(await source.announce?.({ service: 'twice', url, id: 'one' }, hosts[index] as RecordingHost));
    }
    await hosts[0].reported(/^failed twice one/);
    assert.equal(JSON.parse((await hands.read('/services/twice/one')).toString()).port, 9001);
    await leases[1]?.close();
    await hosts[0].reported(/^announced twice one/);
    assert.equal(JSON.parse((await hands.read('/services/twice/one')).toString()).port, 9000);
    // The one that lost it takes nothing away that is not its own.
    await leases[0]?.close();
    assert.deepEqual(await hands.children('/services/twice'), []);
  });

  test('says which permission is missing, and leaves nothing behind', async (t) => {
    const auth = { scheme: 'digest', credentials: 'owner:secret' };
    const owner = sourceOf(t, { servers: zooKeeper.servers, basePath: '/guarded', auth, acl: 'readable' });
    await owner.announce?.({ service: 'users', url: 'http://127.0.0.1:9000', id: 'one' }, new RecordingHost());
    const stranger = sourceOf(t, { servers: zooKeeper.servers, basePath: '/guarded' });
    const { sink } = watching(t, stranger, 'users');
    await listed(sink, 'one');
    await assert.rejects(
      async () => stranger.announce?.({ service: 'users', url: 'http://127.0.0.1:9001', id: 'two' }, new RecordingHost()),
      (error) => {
        assert.ok(error instanceof RegistryError);
        assert.match(
          error.message,
          /answered NO_AUTH to create \/guarded\/users\/two: set auth to credentials that have CREATE on its parent/,
        );
        return true;
      },
    );
    await assert.rejects(async () => hands.delete('/guarded/users/one'), /NO_AUTH/);
    assert.deepEqual(await hands.children('/guarded/users'), ['one']);
  });

  test('fails with the reason where there is no server', async (t) => {
    const source = sourceOf(t, { servers: '127.0.0.1:1', requestTimeoutMs: 300 });
    await assert.rejects(
      async () => source.announce?.({ service: 'users', url: 'http://127.0.0.1:9000' }, new RecordingHost()),
      /zookeeper at 127\.0\.0\.1:1 could not be reached \(.*ECONNREFUSED/,
    );
  });

  test('does not keep the process alive unless it is asked to', async () => {
    const child = fileURLToPath(new URL('children/announcer.js', import.meta.url));
    const run = (keepAlive: boolean) =>
      new Promise<string>((resolve, reject) => {
        const parameters = [child, zooKeeper.servers, String(keepAlive)];
        execFile(process.execPath, parameters, { timeout: 20_000 }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
      });
    assert.equal(await run(false), 'announced\nwatched\n');
    assert.equal(await run(true), 'announced\nwatched\nstill here\nremoved\n');
    // The first one ended without a word, and the server finds out by itself.
    await eventually(async () => (await hands.children('/services/processes')).length === 0, 'the end of the session');
  });
});
