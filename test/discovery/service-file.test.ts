import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import type { Discovery, DiscoveryHost } from '../../src/core/discovery.js';
import { ConfigError, UnknownServiceError } from '../../src/core/errors.js';
import { fileDiscovery } from '../../src/discovery/file.js';
import { parserFor } from '../../src/discovery/file-format.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { RecordingSink, temporaryFolder, until } from './recording-sink.js';
import { TestHost } from './scripted-source.js';

const POLL_MS = 2_000;

/** A watched file on a clock that the test moves: only the slow poll looks at it. */
async function watched(test: TestContext, content: string, name = 'services.json', service = 'users') {
  const path = join(temporaryFolder(test), name);
  writeFileSync(path, content);
  const discovery = fileDiscovery(path);
  const sink = new RecordingSink();
  const host = new TestHost();
  const stop = discovery.watch(service, sink, host);
  test.after(stop);
  await until(() => sink.said.length > 0, 'the first list');
  const look = () => host.clock.advance(POLL_MS);
  return { path, discovery, sink, host, stop, look };
}

/** Replaces a file whole, so that a reading under way sees the old text or the new one. */
function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

const realHost: DiscoveryHost = { clock: systemClock, random: seededRandom(1), skipped() {}, announcementFailed() {}, announced() {} };

/** A watched file on the machine's own clock, with the poll so slow that only the system's notice counts. */
async function noticed(test: TestContext, path: string) {
  const discovery = fileDiscovery({ path, pollMs: 1_000_000 });
  const sink = new RecordingSink();
  test.after(discovery.watch('users', sink, realHost));
  await until(() => sink.said.length > 0, 'the first list');
  return sink;
}

function users(...urls: string[]): string {
  return JSON.stringify({ users: urls });
}

describe('a file of services', () => {
  it('gives the instances of a service', async (test) => {
    const { sink } = await watched(test, '{ "users": ["http://a", { "url": "http://b", "weight": 2 }], "other": ["http://c"] }');
    assert.deepEqual([...sink.list.values()], ['http://a', { url: 'http://b', weight: 2 }]);
    assert.deepEqual(sink.said, [{ kind: 'snapshot', live: false }]);
  });

  it('may be written in YAML', async (test) => {
    const { sink } = await watched(test, 'users:\n  - http://a\n  - url: http://b\n    weight: 2\n', 'services.yaml');
    assert.deepEqual([...sink.list.values()], ['http://a', { url: 'http://b', weight: 2 }]);
  });

  it('cannot be YAML without the package that reads it, which is said when the source is made', () => {
    const missing = () => {
      throw new Error("Cannot find module 'yaml'");
    };
    assert.throws(
      () => parserFor('/etc/services.yml', missing),
      (error) => error instanceof ConfigError && error.path === 'fileDiscovery.path' && /npm install yaml/.test(error.message),
    );
    parserFor('/etc/services.json', missing);
  });

  it('does not know a service that is not in it', async (test) => {
    const { sink, path, look } = await watched(test, users('http://a'), 'services.json', 'billing');
    assert.ok(sink.last?.error instanceof UnknownServiceError);
    replace(path, '{ "billing": ["http://b"] }');
    await look();
    await until(() => sink.list.size > 0, 'the service that is there now');
    assert.deepEqual(sink.ids, ['http://b']);
  });

  it('is read again when it changes, and the outcome is live', async (test) => {
    const { sink, path, look } = await watched(test, users('http://a', 'http://b', 'http://c', 'http://d'));
    replace(path, users('http://a'));
    await look();
    await until(() => sink.said.length > 1, 'the second list');
    assert.deepEqual(sink.ids, ['http://a']);
    assert.deepEqual(sink.last, { kind: 'snapshot', live: true });
  });

  it('says nothing when nothing has changed', async (test) => {
    const { sink, path, look } = await watched(test, users('http://a'));
    await look();
    replace(path, users('http://a'));
    await look();
    replace(path, users('http://b'));
    await look();
    await until(() => sink.ids[0] === 'http://b', 'the change');
    assert.equal(sink.said.length, 2);
  });

  it('keeps its lists while it is half written, and reports the failure', async (test) => {
    const { sink, path, look } = await watched(test, users('http://a'));
    replace(path, '{ "users": ["http://a", "htt');
    await look();
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.deepEqual(sink.ids, ['http://a']);
    replace(path, users('http://a'));
    await look();
    await until(() => sink.last?.kind === 'snapshot', 'the recovery');
    assert.deepEqual(sink.last, { kind: 'snapshot', live: false }, 'the same text is no change');
  });

  for (const [what, content] of [
    ['empty', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['a service without a list', '{ "users": "http://a" }'],
  ] as const) {
    it(`fails when its content is ${what}, and names no service`, async (test) => {
      const { sink, discovery } = await watched(test, content);
      assert.equal(sink.last?.kind, 'failed');
      assert.ok(!(sink.last.error instanceof UnknownServiceError));
      assert.equal(discovery.declares?.('users'), false);
    });
  }

  it('fails when it is deleted, and is not taken for empty', async (test) => {
    const { sink, path, look } = await watched(test, users('http://a'));
    rmSync(path);
    await look();
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.match(String(sink.last?.error), /ENOENT/);
    assert.deepEqual(sink.ids, ['http://a']);
    replace(path, users('http://b'));
    await look();
    await until(() => sink.ids[0] === 'http://b', 'the file that is there again');
  });

  it('may come later', async (test) => {
    const path = join(temporaryFolder(test), 'later.json');
    const discovery = fileDiscovery(path);
    const sink = new RecordingSink();
    const host = new TestHost();
    test.after(discovery.watch('users', sink, host));
    await until(() => sink.last?.kind === 'failed', 'the failure');
    replace(path, users('http://a'));
    await host.clock.advance(POLL_MS);
    await until(() => sink.list.size === 1, 'the list');
  });

  it('is heard by each of several watches, from one reading', async (test) => {
    const { sink, discovery, host, path, look } = await watched(test, '{ "users": ["http://a"], "billing": ["http://b"] }');
    const billing = new RecordingSink();
    const stop = discovery.watch('billing', billing, host);
    await until(() => billing.list.size === 1, 'the second list');
    assert.equal(sink.said.length, 1, 'the first is not told again');
    stop();
    replace(path, '{ "users": [], "billing": [] }');
    await look();
    await until(() => sink.list.size === 0, 'the change');
    assert.deepEqual(billing.ids, ['http://b'], 'a stopped watch hears nothing');
  });

  it('goes on for one watch when another stops', async (test) => {
    const { sink, discovery, host, path, look } = await watched(test, users('http://a'));
    const other = new RecordingSink();
    const stopOther = discovery.watch('users', other, host);
    await until(() => other.said.length > 0, 'the second list');
    stopOther();
    replace(path, users('http://b'));
    await look();
    await until(() => sink.ids[0] === 'http://b', 'the change');
  });

  it('leaves no timer when nobody watches', async (test) => {
    const { stop, host } = await watched(test, users('http://a'));
    stop();
    await host.clock.settle();
    assert.equal(host.clock.pendingTimers, 0);
  });
});

describe('the names in a file', () => {
  it('are known at once, without a watch', (test) => {
    const path = join(temporaryFolder(test), 'services.json');
    replace(path, '{ "Users.Example.com": ["http://a"] }');
    const discovery = fileDiscovery(path);
    assert.equal(discovery.declares?.('users.example.com'), true);
    assert.equal(discovery.declares?.('billing.example.com'), false);
  });

  it('stay known when they are taken out, so that their requests do not go elsewhere', async (test) => {
    const { discovery, sink, path, look } = await watched(test, users('http://a'));
    replace(path, '{ "billing": [] }');
    await look();
    await until(() => sink.last?.kind === 'failed', 'the service that is gone');
    assert.equal(discovery.declares?.('users'), true);
    assert.equal(discovery.declares?.('billing'), true);
  });

  it('are read again without a watch, once a poll at most', async (test) => {
    const { discovery, stop, path, host } = await watched(test, users('http://a'));
    stop();
    replace(path, '{ "billing": [] }');
    assert.equal(discovery.declares?.('billing'), false);
    await host.clock.advance(POLL_MS);
    assert.equal(discovery.declares?.('billing'), true);
  });
});

describe('the notice that the system gives of a changed file', () => {
  it('comes without a poll when the file is written in place', async (test) => {
    const path = join(temporaryFolder(test), 'services.json');
    writeFileSync(path, users('http://a'));
    const sink = await noticed(test, path);
    await changeUntil(() => writeFileSync(path, users('http://b')), sink, 'http://b');
  });

  it('comes when the file is replaced by renaming, more than once', async (test) => {
    const path = join(temporaryFolder(test), 'services.json');
    writeFileSync(path, users('http://a'));
    const sink = await noticed(test, path);
    for (const url of ['http://b', 'http://c', 'http://d']) {
      await changeUntil(() => replace(path, users(url)), sink, url);
    }
  });

  it('comes when the folder that a link leads to is replaced, as Kubernetes does', async (test) => {
    const folder = temporaryFolder(test);
    const version = (name: string, content: string) => {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, 'services.json'), content);
    };
    version('..v1', users('http://a'));
    symlinkSync('..v1', join(folder, '..data'));
    symlinkSync(join('..data', 'services.json'), join(folder, 'services.json'));
    const sink = await noticed(test, join(folder, 'services.json'));
    version('..v2', users('http://b'));
    const swap = () => {
      symlinkSync('..v2', join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await changeUntil(swap, sink, 'http://b');
  });
});

/**
 * Makes a change and waits for its notice. The watch opens a moment after the first reading, so a change that came
 * before it is found by the reading that follows the opening: either way without a poll.
 */
async function changeUntil(change: () => void, sink: RecordingSink, url: string): Promise<void> {
  change();
  await until(() => sink.ids[0] === url, `the notice of ${url}`);
  assert.equal(sink.last?.live, true);
}

describe('the options of fileDiscovery', () => {
  const refused: [string, unknown, string][] = [
    ['no path', { path: '' }, 'fileDiscovery.path'],
    ['a path that is no text', 42, 'fileDiscovery'],
    ['a lease of 0', { path: 'x', leaseMs: 0 }, 'fileDiscovery.leaseMs'],
    ['an endless poll', { path: 'x', pollMs: Number.POSITIVE_INFINITY }, 'fileDiscovery.pollMs'],
    ['keepAlive that is no boolean', { path: 'x', keepAlive: 'yes' }, 'fileDiscovery.keepAlive'],
    ['a misspelt option', { path: 'x', lease: 1 }, 'fileDiscovery.lease'],
  ];
  for (const [what, options, path] of refused) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => fileDiscovery(options as string),
        (error) => error instanceof ConfigError && error.path === path,
      );
    });
  }

  it('take a path that does not exist for a file by its ending, and for a folder otherwise', () => {
    const announces = (discovery: Discovery) => discovery.announce !== undefined;
    assert.equal(announces(fileDiscovery('/nowhere/services.json')), false);
    assert.equal(announces(fileDiscovery('/nowhere/services.yml')), false);
    assert.equal(announces(fileDiscovery('/nowhere/registry')), true);
  });
});
