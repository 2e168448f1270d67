import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { UnknownServiceError } from '../../src/core/errors.js';
import { fileDiscovery } from '../../src/discovery/file.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { RecordingSink, temporaryFolder, until } from './recording-sink.js';
import { TestHost } from './scripted-source.js';

const POLL_MS = 2_000;

/** A watched registry on a clock that the test moves. */
function registry(test: TestContext, { folder = temporaryFolder(test), service = 'users' } = {}) {
  const discovery = fileDiscovery({ path: folder });
  const sink = new RecordingSink();
  const host = new TestHost();
  const stop = discovery.watch(service, sink, host);
  test.after(stop);
  return { folder, discovery, sink, host, stop };
}

function put(folder: string, file: string, content: unknown): void {
  const temporary = join(folder, '.being-written');
  writeFileSync(temporary, typeof content === 'string' ? content : JSON.stringify(content));
  renameSync(temporary, join(folder, file));
}

function leased(id: string, wallMs: number, leaseMs = 10_000) {
  return { service: 'users', id, url: `http://${id}:80`, leaseMs, renewedAt: wallMs };
}

describe('a folder of instance files', () => {
  it('gives the instances of a service', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', { service: 'users', url: 'http://a' });
    put(folder, 'b.json', { service: 'Users', url: 'http://b', id: 'b', weight: 2, priority: 1, zone: 'z', metadata: { v: '1' } });
    put(folder, 'c.json', { service: 'billing', url: 'http://c' });
    const { sink } = registry(test, { folder });
    await until(() => sink.said.length > 0, 'the list');
    assert.deepEqual(sink.ids, ['b', 'http://a:80']);
    assert.deepEqual(sink.list.get('b'), { url: 'http://b', id: 'b', weight: 2, priority: 1, zone: 'z', metadata: { v: '1' } });
    assert.deepEqual(sink.said, [{ kind: 'snapshot', live: false }]);
  });

  it('shows an instance that comes, changes or goes as a change seen live', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', { service: 'users', url: 'http://a', id: 'a' });
    const { sink, host } = registry(test, { folder });
    await until(() => sink.said.length > 0, 'the list');
    put(folder, 'b.json', { service: 'users', url: 'http://b', id: 'b' });
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.size === 2, 'the new instance');
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: [] });
    put(folder, 'b.json', { service: 'users', url: 'http://b', id: 'b', weight: 3 });
    await host.clock.advance(POLL_MS);
    await until(() => sink.said.length === 3, 'the new weight');
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: [] });
    rmSync(join(folder, 'a.json'));
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.size === 1, 'the instance that went');
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 0, remove: ['a'] });
  });

  it('takes an instance whose lease is over for gone, and one that was renewed for there', async (test) => {
    const folder = temporaryFolder(test);
    const wallMs = new TestHost().clock.wallTime();
    put(folder, 'a.json', leased('a', wallMs));
    put(folder, 'b.json', leased('b', wallMs));
    const { sink, host } = registry(test, { folder });
    await until(() => sink.list.size === 2, 'both');
    await host.clock.advance(8_000);
    put(folder, 'b.json', leased('b', host.clock.wallTime()));
    await host.clock.advance(2_000);
    await until(() => readdirSync(folder).length === 2, 'the renewal');
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.size === 1, 'the end of the lease');
    assert.deepEqual(sink.ids, ['b']);
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 0, remove: ['a'] });
    assert.equal(sink.said.length, 2, 'the renewal alone was no news');
  });

  it('leaves out instances whose lease was over before', async (test) => {
    const folder = temporaryFolder(test);
    const wallMs = new TestHost().clock.wallTime();
    put(folder, 'a.json', leased('a', wallMs - 10_001));
    put(folder, 'b.json', leased('b', wallMs - 9_999));
    const { sink } = registry(test, { folder });
    await until(() => sink.said.length > 0, 'the list');
    assert.deepEqual(sink.ids, ['b']);
  });

  it('does not end all leases when the wall clock is set forward', async (test) => {
    const folder = temporaryFolder(test);
    const { sink, host } = registry(test, { folder });
    put(folder, 'a.json', leased('a', host.clock.wallTime()));
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.size === 1, 'the instance');
    host.clock.setWallTime(host.clock.wallTime() + 3_600_000);
    put(folder, 'b.json', leased('b', host.clock.wallTime()));
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.has('b'), 'the other instance');
    assert.deepEqual(sink.ids, ['a', 'b']);
  });

  it('gives a lease from the future no more than its length', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', leased('a', new TestHost().clock.wallTime() + 3_600_000));
    const { sink, host } = registry(test, { folder });
    await until(() => sink.list.size === 1, 'the instance');
    await host.clock.advance(12_000);
    await until(() => sink.list.size === 0, 'the end of the lease');
  });

  it('knows a service that has had an instance, and no other', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', leased('a', new TestHost().clock.wallTime() - 60_000));
    const users = registry(test, { folder });
    const billing = registry(test, { folder, service: 'billing' });
    await until(() => users.sink.said.length > 0 && billing.sink.said.length > 0, 'the answers');
    assert.deepEqual(users.sink.said, [{ kind: 'snapshot', live: false }]);
    assert.equal(users.sink.list.size, 0);
    assert.ok(billing.sink.last?.error instanceof UnknownServiceError);
    put(folder, 'b.json', { service: 'billing', url: 'http://b', id: 'b' });
    await billing.host.clock.advance(POLL_MS);
    await until(() => billing.sink.list.size === 1, 'the first instance');
  });

  it('leaves a broken file as it was before, reports it once, and ignores what is no instance', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', { service: 'users', url: 'http://a', id: 'a' });
    const { sink, host } = registry(test, { folder });
    await until(() => sink.said.length > 0, 'the list');
    put(folder, 'a.json', '{ "service": "users", "url": "htt');
    put(folder, 'c.json', '{ "service": 7 }');
    put(folder, 'd.json', { service: 'users', url: 'http://d', leaseMs: 5 });
    put(folder, 'notes.txt', 'no instance');
    put(folder, '.hidden.json', { service: 'users', url: 'http://hidden' });
    put(folder, 'b.json', { service: 'users', url: 'http://b', id: 'b' });
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.has('b'), 'the good file');
    assert.deepEqual(sink.ids, ['a', 'b']);
    assert.deepEqual(host.skippedEntries.map(({ entry }) => entry).sort(), ['a.json', 'c.json', 'd.json']);
    assert.match(host.skippedEntries.find(({ entry }) => entry === 'd.json')?.reason ?? '', /leaseMs and renewedAt must be/);
    await host.clock.advance(POLL_MS);
    put(folder, 'a.json', { service: 'users', url: 'http://a', id: 'a', zone: 'z' });
    await host.clock.advance(POLL_MS);
    await until(() => sink.said.length === 3, 'the file that is whole again');
    assert.equal(host.skippedEntries.length, 3);
  });

  it('counts an instance that has two files once, as long as one of them lasts', async (test) => {
    const folder = temporaryFolder(test);
    const wallMs = new TestHost().clock.wallTime();
    put(folder, '1.json', leased('a', wallMs - 9_000));
    put(folder, '2.json', leased('a', wallMs));
    const { sink, host } = registry(test, { folder });
    await until(() => sink.list.size === 1, 'the instance');
    await host.clock.advance(4_000);
    put(folder, '3.json', { service: 'users', url: 'http://b', id: 'b' });
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.has('b'), 'another');
    assert.deepEqual(sink.ids, ['a', 'b']);
  });

  it('fails when the folder is gone, keeps its instances, and only infers the list when it is back', async (test) => {
    const folder = join(temporaryFolder(test), 'registry');
    mkdirSync(folder);
    put(folder, 'a.json', { service: 'users', url: 'http://a', id: 'a' });
    const { sink, host } = registry(test, { folder });
    await until(() => sink.list.size === 1, 'the list');
    rmSync(folder, { recursive: true });
    await host.clock.advance(POLL_MS);
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.match(String(sink.last?.error), /ENOENT/);
    assert.deepEqual(sink.ids, ['a']);
    mkdirSync(folder);
    await host.clock.advance(POLL_MS);
    await until(() => sink.last?.kind === 'snapshot', 'the folder that is back');
    assert.deepEqual(sink.last, { kind: 'snapshot', live: false });
    assert.equal(sink.list.size, 0);
  });

  it('declares the services of its files, also of those that came since', async (test) => {
    const folder = temporaryFolder(test);
    put(folder, 'a.json', { service: 'pay.example.com', url: 'http://a' });
    put(folder, 'broken.json', '{');
    const { discovery, sink, host, stop } = registry(test, { folder });
    assert.equal(discovery.declares?.('pay.example.com'), true);
    assert.equal(discovery.declares?.('users.example.com'), false);
    await until(() => sink.said.length > 0, 'the first look');
    put(folder, 'b.json', { service: 'users.example.com', url: 'http://b' });
    await host.clock.advance(POLL_MS);
    await until(() => discovery.declares?.('users.example.com') === true, 'the new name');
    stop();
    assert.equal(discovery.declares?.('more.example.com'), false);
    put(folder, 'c.json', { service: 'more.example.com', url: 'http://c' });
    assert.equal(discovery.declares?.('more.example.com'), false);
    await host.clock.advance(POLL_MS);
    assert.equal(discovery.declares?.('more.example.com'), true, 'read at once, since nobody watches');
  });

  it('leaves no timer when nobody watches', async (test) => {
    const { sink, host, stop } = registry(test);
    await until(() => sink.said.length > 0, 'the answer');
    stop();
    assert.equal(host.clock.pendingTimers, 0);
  });

  it('is noticed by the system, without a poll', async (test) => {
    const folder = temporaryFolder(test);
    const discovery = fileDiscovery({ path: folder, pollMs: 1_000_000 });
    const sink = new RecordingSink();
    test.after(
      discovery.watch('users', sink, {
        clock: systemClock,
        random: seededRandom(1),
        skipped() {},
        announcementFailed() {},
        announced() {},
      }),
    );
    await until(() => sink.said.length > 0, 'the answer');
    for (const id of ['a', 'b', 'c']) {
      put(folder, `${id}.json`, { service: 'users', url: `http://${id}`, id });
      await until(() => sink.list.has(id), `the notice of ${id}`);
    }
    rmSync(join(folder, 'b.json'));
    await until(() => !sink.list.has('b'), 'the notice that b is gone');
    assert.deepEqual(sink.ids, ['a', 'c']);
    assert.equal(JSON.parse(readFileSync(join(folder, 'a.json'), 'utf8')).id, 'a');
  });
});
