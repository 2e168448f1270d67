import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigError } from '../../src/core/errors.js';
import { type CurrentList, DiskSnapshot, type DiskSnapshotOptions, diskSnapshotSettings } from '../../src/discovery/disk-snapshot.js';
import { parseInstance } from '../../src/discovery/instance.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { temporaryFolder, until } from './recording-sink.js';
import { instances } from './scripted-source.js';

interface Choices extends Partial<DiskSnapshotOptions> {
  readonly clock?: VirtualClock;
  readonly source?: string;
}

/** A snapshot as one process has it, with lists that the test sets. */
function process(path: string, { clock = new VirtualClock(), source = 'registry', ...options }: Choices = {}) {
  const lists = new Map<string, CurrentList>();
  const failures: string[] = [];
  let revision = 0;
  const snapshot = new DiskSnapshot({
    settings: diskSnapshotSettings('cache.snapshot', { path, ...options }),
    source,
    clock,
    random: seededRandom(1),
    lists: () => [...lists.values()],
    failed: (operation, error) => failures.push(`${operation}: ${error instanceof Error ? error.message : error}`),
  });
  const set = (service: string, urls: readonly string[], staleSinceMs?: number): void => {
    const parsed = urls.map((url) => parseInstance({ url, zone: 'eu', metadata: { version: '1' } }));
    lists.set(service, { service, revision: ++revision, instances: parsed, staleSinceMs });
    snapshot.changed();
  };
  const recall = async (service: string) => {
    await new Promise<void>((resolve) => snapshot.whenLoaded(resolve));
    return snapshot.recall(service);
  };
  const urlsOf = async (service: string) => (await recall(service))?.instances.map((each) => (typeof each === 'string' ? each : each.url));
  return { snapshot, clock, failures, set, recall, urlsOf };
}

function place(test: TestContext): string {
  return join(temporaryFolder(test), 'state', 'lists.snapshot');
}

describe('a snapshot on disk', () => {
  it('brings back every field of the lists of an earlier process, and their age', async (test) => {
    const path = place(test);
    const before = process(path);
    before.set('users', instances(2));
    before.set('billing', instances(1, 9));
    await before.snapshot.close();
    const clock = new VirtualClock();
    await clock.advance(60_000);
    const after = process(path, { clock });
    assert.deepEqual(await after.recall('users'), {
      instances: instances(2).map((url) => ({ url, id: url, weight: 1, priority: 0, zone: 'eu', metadata: { version: '1' } })),
      ageMs: 60_000,
    });
    assert.deepEqual(await after.urlsOf('billing'), instances(1, 9));
    assert.equal(await after.urlsOf('other'), undefined);
    assert.deepEqual(after.failures, []);
  });

  it('is for its owner alone, and leaves nothing else in its folder', async (test) => {
    const path = place(test);
    const { set, snapshot } = process(path);
    set('users', instances(2));
    await snapshot.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dirname(path)), ['lists.snapshot']);
  });

  it('is written once for many changes, a while after the first', async (test) => {
    const path = place(test);
    const { set, clock, snapshot } = process(path, { writeDelayMs: 1_000 });
    for (let i = 1; i <= 100; i++) {
      set('users', instances(i));
      if (i < 100) await clock.advance(9);
    }
    assert.equal(existsSync(path), false);
    await clock.advance(609);
    await until(() => existsSync(path), 'the file');
    const { ino } = statSync(path);
    await snapshot.close();
    assert.deepEqual(await process(path).urlsOf('users'), instances(100));
    assert.notEqual(statSync(path).ino, ino, 'close writes once more');
  });

  it('is refreshed although nothing changes: the lists are good for as long as their source stands by them', async (test) => {
    const path = place(test);
    const { set, clock } = process(path, { maxAgeMs: 240_000, writeDelayMs: 1_000 });
    set('users', instances(2));
    await clock.advance(1_500);
    await until(() => existsSync(path), 'the file');
    const { ino } = statSync(path);
    // The next write is due when the first one is over, which takes real time.
    await until(() => clock.pendingTimers > 0, 'the next write');
    await clock.advance(10_000);
    await until(() => statSync(path).ino !== ino, 'the next file');
    // Refreshed by chance up to a fifth earlier, so the file is that old at most.
    const { ageMs = Number.NaN } = (await process(path, { clock }).recall('users')) ?? {};
    assert.ok(ageMs >= 0 && ageMs <= 2_000, `${ageMs} ms`);
  });

  it('counts the age of a list from the time when its source began to fail', async (test) => {
    const path = place(test);
    const { set, clock, snapshot } = process(path);
    await clock.advance(100_000);
    set('users', instances(2), 40_000);
    await snapshot.close();
    assert.equal((await process(path, { clock }).recall('users'))?.ageMs, 60_000);
  });

  it('has the newer of two lists that the source stood by until the same moment', async (test) => {
    const path = place(test);
    const { set, clock, snapshot } = process(path, { writeDelayMs: 10 });
    set('users', instances(2), 0);
    await clock.advance(20);
    await until(() => existsSync(path) && clock.pendingTimers > 0, 'the file');
    set('users', instances(3), 0);
    await snapshot.close();
    assert.deepEqual(await process(path).urlsOf('users'), instances(3));
  });

  it('is not used when it is older than the options allow', async (test) => {
    const path = place(test);
    const before = process(path);
    before.set('users', instances(2));
    await before.snapshot.close();
    const clock = new VirtualClock();
    await clock.advance(60_001);
    assert.equal(await process(path, { clock, maxAgeMs: 60_000 }).urlsOf('users'), undefined);
    assert.deepEqual(await process(path, { clock, maxAgeMs: Number.POSITIVE_INFINITY }).urlsOf('users'), instances(2));
  });

  it('keeps lists of services that this process has not used, and loses those that became empty', async (test) => {
    const path = place(test);
    const first = process(path);
    first.set('users', instances(2));
    first.set('billing', instances(2, 5));
    await first.snapshot.close();
    const second = process(path);
    second.set('orders', instances(1, 9));
    second.set('billing', []);
    await second.snapshot.close();
    const third = process(path);
    assert.deepEqual(await third.urlsOf('users'), instances(2));
    assert.deepEqual(await third.urlsOf('orders'), instances(1, 9));
    assert.equal(await third.urlsOf('billing'), undefined);
  });

  it('does not take the lists of another source for its own', async (test) => {
    const path = place(test);
    const before = process(path, { source: 'staging' });
    before.set('users', instances(2));
    await before.snapshot.close();
    assert.equal(await process(path, { source: 'production' }).urlsOf('users'), undefined);
  });

  it('is left alone by a process that never had a list', async (test) => {
    const path = place(test);
    const before = process(path);
    before.set('users', instances(2));
    await before.snapshot.close();
    const { ino } = statSync(path);
    const { snapshot, urlsOf } = process(path);
    await urlsOf('users');
    await snapshot.close();
    assert.equal(statSync(path).ino, ino);
  });

  it('leaves out the lists confirmed longest ago where it would grow beyond its bound, and says so', async (test) => {
    const path = place(test);
    const { set, snapshot, failures } = process(path, { maxBytes: 4_096 });
    set('small', instances(2));
    set('large', instances(200));
    await snapshot.close();
    assert.ok(statSync(path).size <= 4_096);
    assert.deepEqual(failures, ['write: 1 of 2 lists were left out: they take more than maxBytes (4096)']);
    assert.deepEqual(await process(path).urlsOf('small'), instances(2));
  });

  it('reports once that it cannot be written, and harms nobody', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'file'), '');
    const { set, clock, snapshot, failures } = process(join(folder, 'file', 'lists'), { writeDelayMs: 10 });
    set('users', instances(2));
    await clock.advance(20);
    await until(() => failures.length > 0 && clock.pendingTimers > 0, 'the failure');
    set('users', instances(3));
    await snapshot.close();
    assert.deepEqual(failures.map((text) => text.slice(0, 5)).sort(), ['read:', 'write']);
  });

  it('removes what a writer that was killed left there long ago', async (test) => {
    const path = place(test);
    mkdirSync(dirname(path));
    const [old, fresh, foreign] = ['.lists.snapshot.1.tmp', '.lists.snapshot.2.tmp', '.other.tmp'].map((name) => join(dirname(path), name));
    for (const file of [old, fresh, foreign]) writeFileSync(file ?? '', 'half');
    const clock = new VirtualClock();
    const seconds = clock.wallTime() / 1_000;
    utimesSync(old ?? '', seconds - 7_200, seconds - 7_200);
    utimesSync(fresh ?? '', seconds - 60, seconds - 60);
    utimesSync(foreign ?? '', seconds - 7_200, seconds - 7_200);
    await process(path, { clock }).urlsOf('users');
    await until(() => !existsSync(old ?? ''), 'the old one is gone');
    assert.deepEqual([existsSync(fresh ?? ''), existsSync(foreign ?? '')], [true, true]);
  });
});

describe('a snapshot that cannot be trusted', () => {
  async function written(test: TestContext): Promise<string> {
    const path = place(test);
    const { set, snapshot } = process(path);
    set('users', instances(20));
    await snapshot.close();
    return path;
  }

  const cases: Readonly<Record<string, readonly [(path: string) => void, RegExp]>> = {
    'was cut short': [(path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20)), /checksum/],
    'was cut short in the middle of a list': [(path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 300)), /checksum/],
    'was changed': [(path) => writeFileSync(path, readFileSync(path, 'utf8').replace('10.0.0.1:', '10.6.6.6:')), /checksum/],
    'is of another version': [(path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":2')), /version/],
    'is something else': [(path) => writeFileSync(path, '\u0000\ufffd{}\n'.repeat(100)), /version/],
    'is empty': [(path) => writeFileSync(path, ''), /version/],
    'is too large': [(path) => writeFileSync(path, 'x'.repeat(5_000)), /5000 bytes, more than maxBytes \(4096\)/],
    'may be written by others': [(path) => chmodSync(path, 0o666), /mode 666.*make it 600/],
  };
  for (const [what, [spoil, reason]] of Object.entries(cases)) {
    it(`because it ${what} is reported and not used, and replaced by the next`, async (test) => {
      const path = await written(test);
      spoil(path);
      const { urlsOf, failures, set, snapshot } = process(path, { maxBytes: 4_096 });
      assert.equal(await urlsOf('users'), undefined);
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? '', /^read: /);
      assert.match(failures[0] ?? '', reason);
      set('users', instances(3));
      await snapshot.close();
      assert.deepEqual(await process(path).urlsOf('users'), instances(3));
    });
  }

  it('because it is a folder is reported', async (test) => {
    const { urlsOf, failures } = process(temporaryFolder(test));
    assert.equal(await urlsOf('users'), undefined);
    assert.match(failures[0] ?? '', /^read: it is not a file/);
  });
});

describe('a snapshot that several processes share', () => {
  it('is never torn, and has what each of them knows', async (test) => {
    const path = place(test);
    const processes = Array.from({ length: 8 }, () => process(path));
    let reading = true;
    const reader = (async () => {
      let reads = 0;
      for (; reading; reads++) {
        const { urlsOf, failures } = process(path);
        const urls = await urlsOf('service-0');
        assert.deepEqual(failures, []);
        assert.ok(urls === undefined || urls.length === 50);
      }
      return reads;
    })();
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        processes.map(async ({ set, snapshot, clock }, index) => {
          set(`service-${index}`, instances(50, index));
          await clock.advance(7_500);
          if (round === 2) await snapshot.close();
        }),
      );
    }
    reading = false;
    assert.ok((await reader) > 0);
    // They all wrote at once; whoever is last has read what the others wrote before. One more that reads has all.
    for (const { set, snapshot } of [process(path)]) {
      set('last', instances(1));
      await snapshot.close();
    }
    assert.deepEqual(await process(path).urlsOf('last'), instances(1));
  });
});

describe('the options of a snapshot', () => {
  it('are checked when the mesh is made', () => {
    for (const [options, path] of [
      [{}, 'cache.snapshot.path'],
      [{ path: 'x', maxAge: 1 }, 'cache.snapshot.maxAge'],
      [{ path: 'x', maxAgeMs: 0 }, 'cache.snapshot.maxAgeMs'],
      [{ path: 'x', waitMs: -1 }, 'cache.snapshot.waitMs'],
      [{ path: 'x', writeDelayMs: Number.POSITIVE_INFINITY }, 'cache.snapshot.writeDelayMs'],
      [{ path: 'x', maxBytes: 10 }, 'cache.snapshot.maxBytes'],
      ['x', 'cache.snapshot'],
    ] as const) {
      assert.throws(
        () => diskSnapshotSettings('cache.snapshot', options),
        (error) => error instanceof ConfigError && error.path === path,
      );
    }
  });
});
