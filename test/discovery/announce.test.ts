import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.js';
import type { Announcement, Discovery, Lease } from '../../src/core/discovery.js';
import { ConfigError, MeshError } from '../../src/core/errors.js';
import { fileDiscovery } from '../../src/discovery/file.js';
import { instanceFileName, isInstanceFile } from '../../src/discovery/instance-record.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { RecordingSink, temporaryFolder, until } from './recording-sink.js';
import { TestHost } from './scripted-source.js';

const LEASE_MS = 9_000;

function announcer(test: TestContext, folder = temporaryFolder(test)) {
  const discovery = fileDiscovery({ path: folder, leaseMs: LEASE_MS });
  const host = new TestHost(new VirtualClock(), seededRandom(7));
  return { folder, discovery, host };
}

async function announce(discovery: Discovery, announcement: Announcement, host: TestHost): Promise<Lease> {
  assert.ok(discovery.announce);
  return await discovery.announce(announcement, host);
}

function contentOf(folder: string): Record<string, unknown>[] {
  return readdirSync(folder)
    .filter(isInstanceFile)
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, unknown>);
}

describe('an announced instance', () => {
  it('has a file that says everything about it', async (test) => {
    const { folder, discovery, host } = announcer(test);
    const lease = await announce(
      discovery,
      { service: 'users', url: 'http://10.0.0.1:8080', id: 'i-1', weight: 2, zone: 'z', metadata: { v: '1' } },
      host,
    );
    assert.equal(lease.id, 'i-1');
    assert.deepEqual(contentOf(folder), [
      {
        service: 'users',
        url: 'http://10.0.0.1:8080',
        id: 'i-1',
        weight: 2,
        zone: 'z',
        metadata: { v: '1' },
        leaseMs: LEASE_MS,
        renewedAt: host.clock.wallTime(),
      },
    ]);
    assert.deepEqual(readdirSync(folder), [instanceFileName('users', 'i-1')]);
    assert.match(instanceFileName('users', 'i-1'), /^users\.[\da-f]{24}\.json$/);
  });

  it('creates the folder, goes by its address where it has no id, and declares its service', async (test) => {
    const { folder, discovery, host } = announcer(test, join(temporaryFolder(test), 'a', 'b'));
    const lease = await announce(discovery, { service: 'pay.example.com', url: 'http://10.0.0.1/' }, host);
    assert.equal(lease.id, 'http://10.0.0.1:80');
    assert.equal(readdirSync(folder).length, 1);
    assert.equal(discovery.declares?.('pay.example.com'), true);
  });

  it('is renewed three times a lease at least, for as long as it lasts', async (test) => {
    const { folder, discovery, host } = announcer(test);
    await announce(discovery, { service: 'users', url: 'http://a' }, host);
    let renewedAt = contentOf(folder)[0]?.renewedAt;
    for (let i = 0; i < 5; i++) {
      await host.clock.advance(LEASE_MS / 3);
      await until(() => contentOf(folder)[0]?.renewedAt !== renewedAt && host.clock.pendingTimers === 1, 'the renewal');
      renewedAt = contentOf(folder)[0]?.renewedAt;
      assert.ok(host.clock.wallTime() - Number(renewedAt) < LEASE_MS / 3);
    }
  });

  it('comes back with the next renewal when somebody deleted it, or the whole folder', async (test) => {
    const { folder, discovery, host } = announcer(test, join(temporaryFolder(test), 'registry'));
    await announce(discovery, { service: 'users', url: 'http://a' }, host);
    rmSync(folder, { recursive: true });
    await host.clock.advance(LEASE_MS / 3);
    await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json')), 'the file');
  });

  it('is gone when its lease is closed, and stays gone', async (test) => {
    const { folder, discovery, host } = announcer(test);
    const lease = await announce(discovery, { service: 'users', url: 'http://a' }, host);
    await Promise.all([lease.close(), lease.close()]);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(host.clock.pendingTimers, 0);
    await host.clock.advance(60_000);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is not brought back by a renewal that was under way when it was closed', async (test) => {
    const { folder, discovery, host } = announcer(test);
    for (let i = 0; i < 20; i++) {
      const lease = await announce(discovery, { service: 'users', url: 'http://a' }, host);
      // Fires the renewal and goes on before its file operations can be over.
      const renewing = host.clock.advance(LEASE_MS / 3);
      await Promise.resolve();
      await Promise.all([renewing, lease.close()]);
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  it('can be closed although its file is gone already', async (test) => {
    const { folder, discovery, host } = announcer(test);
    const lease = await announce(discovery, { service: 'users', url: 'http://a' }, host);
    rmSync(join(folder, instanceFileName('users', lease.id)));
    await lease.close();
  });

  it('may belong to a service of any name', async (test) => {
    const { folder, discovery, host } = announcer(test);
    const names = ['../../etc/passwd', 'Üsers & co', 'a/b', '.hidden', '..', 'CON', 'x'.repeat(250), 'users', 'a:b'];
    for (const service of names) await announce(discovery, { service, url: 'http://a' }, host);
    const files = readdirSync(folder);
    assert.equal(files.length, names.length);
    assert.ok(files.every((name) => /^[\w-]+\.[\da-f]{24}\.json$/.test(name)));
    for (const service of names) {
      const sink = new RecordingSink();
      const stop = discovery.watch(service, sink, host);
      await until(() => sink.said.length > 0, service);
      assert.deepEqual(sink.ids, ['http://a:80'], service);
      stop();
    }
  });

  it('goes on when a renewal fails, and reports that once', async (test) => {
    const { folder, discovery, host } = announcer(test, join(temporaryFolder(test), 'registry'));
    await announce(discovery, { service: 'users', url: 'http://a' }, host);
    rmSync(folder, { recursive: true });
    // Permissions would not stop root; a file in the place of the folder stops everybody.
    writeFileSync(folder, 'not a folder');
    for (let i = 0; i < 3; i++) {
      await host.clock.advance(LEASE_MS / 3);
      await until(() => host.clock.pendingTimers > 0, 'the renewal');
    }
    assert.equal(host.announcements.length, 1, `${host.announcements}`);
    assert.match(host.announcements[0] ?? '', /^failed: E(?:EXIST|NOTDIR)/);
    rmSync(folder);
    await host.clock.advance(LEASE_MS / 3);
    await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json')), 'the file');
    await until(() => host.announcements.length === 2, 'the report that it is there again');
    assert.equal(host.announcements[1], 'announced');
  });

  it('clears away what instances left that died long ago, and nothing else', async (test) => {
    const { folder, discovery, host } = announcer(test);
    const wallMs = host.clock.wallTime();
    const put = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content));
    put('dead.json', { service: 'users', url: 'http://dead', leaseMs: 1_000, renewedAt: wallMs - 7_001 });
    put('late.json', { service: 'users', url: 'http://late', leaseMs: 1_000, renewedAt: wallMs - 6_999 });
    put('fixed.json', { service: 'users', url: 'http://fixed' });
    put('other.json', { something: 'else' });
    const lease = await announce(discovery, { service: 'users', url: 'http://a' }, host);
    await until(() => !existsSync(join(folder, 'dead.json')), 'the sweep');
    assert.deepEqual(readdirSync(folder).sort(), [instanceFileName('users', lease.id), 'fixed.json', 'late.json', 'other.json'].sort());
  });

  const refused: [string, unknown, RegExp][] = [
    ['no service', { url: 'http://a' }, /announce\.service must be a service's name/],
    ['no URL', { service: 'users' }, /url must be a string/],
    [
      'every IPv4 address of the machine',
      { service: 'users', url: 'http://0.0.0.0:8080' },
      /announce\.url must be the address where others reach/,
    ],
    ['every IPv6 address of the machine', { service: 'users', url: 'http://[::]:8080' }, /not the wildcard/],
    ['a port that is not known yet', { service: 'users', url: 'http://127.0.0.1:0' }, /port from 1 to 65535/],
    ['a weight of 0', { service: 'users', url: 'http://a', weight: 0 }, /weight must be a number above 0/],
  ];
  for (const [what, announcement, message] of refused) {
    it(`is refused with ${what}`, async (test) => {
      const { folder, discovery, host } = announcer(test);
      await assert.rejects(
        announce(discovery, announcement as Announcement, host),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  it('is refused with the reason when its file cannot be written, and leaves nothing behind', async (test) => {
    const folder = join(temporaryFolder(test), 'registry');
    mkdirSync(folder);
    const { discovery, host } = announcer(test, folder);
    // A folder in the place of the file fails for root, too.
    mkdirSync(join(folder, instanceFileName('users', 'a'), 'x'), { recursive: true });
    await assert.rejects(
      announce(discovery, { service: 'users', url: 'http://a', id: 'a' }, host),
      (error) => error instanceof MeshError && error.code === 'ERR_MESH_DISCOVERY' && /could not be announced/.test(error.message),
    );
    assert.deepEqual(readdirSync(folder), [instanceFileName('users', 'a')]);
    assert.equal(host.clock.pendingTimers, 0);
  });
});

const SCRIPT = fileURLToPath(new URL('./announcer.js', import.meta.url));

describe('processes that share a folder', () => {
  it('find each other, see each other leave, and notice one that died', async (test) => {
    const folder = temporaryFolder(test);
    const sink = new RecordingSink();
    const discovery = fileDiscovery({ path: folder, pollMs: 100 });
    test.after(
      discovery.watch('users', sink, {
        clock: systemClock,
        random: seededRandom(1),
        skipped() {},
        announcementFailed() {},
        announced() {},
      }),
    );
    const children: ChildProcess[] = [];
    test.after(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    for (const port of [8001, 8002, 8003]) children.push(fork(SCRIPT, [folder, 'users', `http://127.0.0.1:${port}`, '1500']));
    await until(() => sink.list.size === 3, 'all three');
    const [leaving, dying, staying] = children;
    leaving?.send('close');
    dying?.kill('SIGKILL');
    await until(() => sink.list.size === 1, 'the one that stays');
    assert.deepEqual(sink.ids, ['http://127.0.0.1:8003']);
    staying?.send('close');
    await until(() => sink.list.size === 0, 'the last one that leaves');
  });

  it('write their files side by side without ever showing half of one', async (test) => {
    const folder = temporaryFolder(test);
    const { discovery, host } = announcer(test, folder);
    const sources = Array.from({ length: 8 }, () => fileDiscovery({ path: folder, leaseMs: 3 }));
    const leases = await Promise.all(sources.map((source) => announce(source, { service: 'users', url: 'http://same' }, host)));
    const sink = new RecordingSink();
    test.after(discovery.watch('users', sink, host));
    for (let i = 0; i < 50; i++) {
      await host.clock.advance(1);
      for (const text of readdirSync(folder).filter((name) => name.endsWith('.json'))) JSON.parse(readFileSync(join(folder, text), 'utf8'));
    }
    await Promise.all(leases.map((lease) => lease.close()));
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(host.skippedEntries, []);
  });

  it('are kept alive by a lease only when that is asked for', async (test) => {
    const folder = temporaryFolder(test);
    const ending = spawn(process.execPath, [SCRIPT, folder, 'users', 'http://a', '600']);
    const [code] = await once(ending, 'exit');
    assert.equal(code, 0, 'nothing but the lease was left');
    const staying = fork(SCRIPT, [folder, 'users', 'http://b', '300', 'keepAlive']);
    test.after(() => staying.kill('SIGKILL'));
    await once(staying, 'message');
    const file = join(folder, instanceFileName('users', 'http://b:80'));
    const renewedAt = () => (JSON.parse(readFileSync(file, 'utf8')) as { renewedAt: number }).renewedAt;
    const first = renewedAt();
    await until(() => renewedAt() > first + 300, 'several renewals');
    assert.equal(staying.exitCode, null);
    const left = once(staying, 'exit');
    staying.send('close');
    await left;
    assert.equal(existsSync(file), false);
  });
});
