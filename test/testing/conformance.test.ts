import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { instanceFileName, isInstanceFile } from '../../src/discovery/instance-record.js';
import {
  type Discovery,
  type DiscoverySink,
  fileDiscovery,
  type InstanceInput,
  type Lease,
  pollingDiscovery,
  staticDiscovery,
  UnknownServiceError,
} from '../../src/index.js';
import {
  type ConformanceSubject,
  type ConformanceTraits,
  discoveryConformance,
  type EnteredInstance,
  mockRegistry,
} from '../../src/testing/index.js';

/** Everything that a source can have; each takes away what it has not. */
const FULL: ConformanceTraits = {
  seenWithinMs: 5_000,
  live: true,
  weights: true,
  zones: true,
  metadata: true,
  ids: true,
  announces: true,
  tellsUnknown: true,
  oddNames: ['with-a-dash', '4711', 'with.dots', 'with space', 'a/b', '../up', 'Ünïcode', '世界', '%20', '__proto__', 'constructor'],
};

/** Lists in memory, for sources that read them. */
class Lists {
  readonly byService = new Map<string, Map<string, EnteredInstance>>();

  put(service: string, instance: EnteredInstance): void {
    const list = this.byService.get(service) ?? new Map<string, EnteredInstance>();
    this.byService.set(service, list.set(instance.id, instance));
  }

  /** A service whose last instance went is still known. */
  remove(service: string, id: string): void {
    this.byService.get(service)?.delete(id);
  }

  get entries(): [string, InstanceInput[]][] {
    return [...this.byService].map(([service, list]) => [service, [...list.values()]]);
  }
}

const root = mkdtempSync(join(tmpdir(), 'fetchmesh-conformance-'));
after(() => rmSync(root, { recursive: true, force: true }));

function staticSubject(): ConformanceSubject {
  const lists = new Lists();
  return {
    name: 'staticDiscovery',
    traits: { ...FULL, changes: false, announces: false, oddNames: FULL.oddNames?.filter((name) => name !== '__proto__') },
    discovery: () => staticDiscovery(Object.fromEntries(lists.entries)),
    put: async (service, instance) => lists.put(service, instance),
    remove: async (service, id) => lists.remove(service, id),
  };
}

function mockSubject(): ConformanceSubject {
  const registry = mockRegistry();
  return {
    name: 'mockRegistry',
    traits: FULL,
    discovery: () => registry,
    put: async (service, instance) => registry.add(service, instance),
    remove: async (service, id) => registry.remove(service, id),
  };
}

function pollingSubject(): ConformanceSubject {
  const lists = new Lists();
  const broken = new Map<string, InstanceInput[]>();
  return {
    name: 'pollingDiscovery',
    traits: { ...FULL, live: false, announces: false },
    discovery: () =>
      pollingDiscovery({
        name: 'our registry',
        ttlMs: 20,
        async lookup(service) {
          const list = lists.byService.get(service);
          if (list === undefined) throw new UnknownServiceError(service, 'our registry');
          return [...(broken.get(service) ?? []), ...list.values()];
        },
      }),
    put: async (service, instance) => lists.put(service, instance),
    remove: async (service, id) => lists.remove(service, id),
    async putBroken(service) {
      const entries = [
        undefined,
        7,
        '',
        'nonsense',
        'http://169.254.169.254',
        { url: 'http://a', weight: 0 },
        { url: 'javascript:alert(1)' },
      ];
      broken.set(service, entries as InstanceInput[]);
      return entries.length;
    },
  };
}

function fileSubject(): ConformanceSubject {
  const path = join(root, 'services.json');
  const lists = new Lists();
  function write(): void {
    writeFileSync(`${path}.tmp`, JSON.stringify(Object.fromEntries(lists.entries)));
    renameSync(`${path}.tmp`, path);
  }
  write();
  return {
    name: 'fileDiscovery with a file',
    traits: { ...FULL, announces: false, oddNames: FULL.oddNames?.filter((name) => name !== '__proto__') },
    discovery: () => fileDiscovery({ path, pollMs: 200 }),
    async put(service, instance) {
      lists.put(service, instance);
      write();
    },
    async putMany(service, instances) {
      for (const instance of instances) lists.put(service, instance);
      write();
    },
    async remove(service, id) {
      lists.remove(service, id);
      write();
    },
  };
}

function folderSubject(): ConformanceSubject {
  const folder = join(root, 'registry');
  mkdirSync(folder);
  function write(name: string, text: string): void {
    writeFileSync(join(folder, `.${name}.tmp`), text);
    renameSync(join(folder, `.${name}.tmp`), join(folder, name));
  }
  return {
    name: 'fileDiscovery with a folder',
    traits: FULL,
    discovery: () => fileDiscovery({ path: folder, pollMs: 200, leaseMs: 60_000 }),
    put: async (service, instance) => write(instanceFileName(service, instance.id), JSON.stringify({ service, ...instance })),
    remove: async (service, id) => unlinkSync(join(folder, instanceFileName(service, id))),
    async entries(service) {
      const texts = readdirSync(folder).filter(isInstanceFile);
      const records = texts.flatMap((name) => parsed(readFileSync(join(folder, name), 'utf8')));
      return records.filter((record) => record.service === service).map(({ id }) => id);
    },
    async putBroken(service) {
      const texts = [
        '{"service":',
        '[]',
        JSON.stringify({ service, id: 'no-url' }),
        JSON.stringify({ service, id: 'cloud', url: 'http://169.254.169.254' }),
        JSON.stringify({ service, id: 'script', url: 'javascript:alert(1)' }),
        JSON.stringify({ service, id: 'heavy', url: 'http://a', weight: 1e9 }),
        JSON.stringify({ service, id: 'huge', url: 'http://a', metadata: { blob: 'x'.repeat(1_000_000) } }),
      ];
      for (const [n, text] of texts.entries()) write(`${service}-broken-${n}.json`, text);
      return texts.length;
    },
  };
}

function parsed(text: string): { service: string; id: string }[] {
  try {
    return [JSON.parse(text) as { service: string; id: string }];
  } catch {
    return [];
  }
}

for (const subject of [staticSubject(), mockSubject(), pollingSubject(), fileSubject(), folderSubject()]) {
  describe(`${subject.name}, held against what every source must do`, () => {
    for (const { name, run } of discoveryConformance(subject)) it(name, run);
  });
}

/** A source as it should be, with one fault. */
type Fault = (sound: Discovery) => Partial<Discovery>;

/** What the source says passes through `change`. */
function saying(change: (list: readonly InstanceInput[]) => readonly InstanceInput[]): Fault {
  return (sound) => ({
    watch: (service, sink, host) =>
      sound.watch(
        service,
        {
          snapshot: (list, info) => sink.snapshot(change(list), info),
          patch: ({ upsert = [], remove = [] }) => sink.patch({ upsert: change(upsert), remove }),
          failed: (error) => sink.failed(error),
        },
        host,
      ),
  });
}

function withFields(change: (instance: EnteredInstance) => object): Fault {
  return saying((list) => list.map((each) => ({ ...(each as EnteredInstance), ...change(each as EnteredInstance) })));
}

const FAULTS: Readonly<Record<string, readonly [Fault, RegExp]>> = {
  'leaves one out': [saying((list) => (list.length > 100 ? list.slice(1) : list)), /two hundred/],
  'has one twice': [saying((list) => [...list, ...list.slice(0, 1)]), /the first list/],
  'forgets weights': [withFields(() => ({ weight: 1 })), /the first list/],
  'forgets zones': [withFields(() => ({ zone: undefined })), /the first list/],
  'breaks text': [
    withFields(({ metadata }) => ({
      metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([k, v]) => [k, v.normalize('NFD')])),
    })),
    /every script/,
  ],
  'makes up ids': [withFields(({ id, weight }) => ({ id: `${id}-${weight}` })), /keeps its id|the first list/],
  'drops paths': [withFields(({ url }) => ({ url: new URL(url).origin })), /under a path/],
  'never removes': [
    (sound) => ({
      watch: (service, sink, host) => sound.watch(service, { ...sinkOf(sink), patch: ({ upsert = [] }) => sink.patch({ upsert }) }, host),
    }),
    /is seen to be gone/,
  ],
  'leaves removals to be guessed': [
    (sound) => ({
      watch(service, sink, host) {
        const list = new Map<string, InstanceInput>();
        const take = (change: readonly InstanceInput[]) => {
          for (const each of change) list.set((each as EnteredInstance).id, each);
          sink.snapshot([...list.values()]);
        };
        const patch: DiscoverySink['patch'] = ({ upsert = [], remove = [] }) => {
          for (const id of remove) list.delete(id);
          take(upsert);
        };
        return sound.watch(service, { snapshot: take, patch, failed: (error) => sink.failed(error) }, host);
      },
    }),
    /told as seen/,
  ],
  'mixes services that begin alike': [
    (sound) => ({
      watch(service, sink, host) {
        const own = sound.watch(service, sinkOf(sink), host);
        const other = sound.watch(
          service.replace(/-a$/, ''),
          { ...sinkOf(sink), snapshot: (list) => sink.patch({ upsert: list }), failed() {} },
          host,
        );
        return () => {
          own();
          other();
        };
      },
    }),
    /do not mix/,
  ],
  'goes on after it was stopped': [
    (sound) => ({
      watch(...watch) {
        sound.watch(...watch);
        return () => {};
      },
    }),
    /hears nothing more/,
  ],
  'stops everybody at once': [
    (sound) => {
      const stops: (() => void)[] = [];
      return {
        watch(...watch) {
          stops.push(sound.watch(...watch));
          return () => {
            for (const stop of stops) stop();
          };
        },
      };
    },
    /goes on when the other is stopped/,
  ],
  'keeps a timer': [
    (sound) => ({
      watch(...watch) {
        setTimeout(() => {}, 60_000).unref();
        return sound.watch(...watch);
      },
    }),
    /leaves no socket, no timer/,
  ],
  'keeps the process alive': [
    (sound) => ({
      watch(...watch) {
        const timer = setTimeout(() => {}, 60_000);
        const stop = sound.watch(...watch);
        return () => {
          clearTimeout(timer);
          stop();
        };
      },
    }),
    /keeps no process alive while it watches/,
  ],
  'announces everything': [
    (sound) => ({
      announce: async (announcement, host) => {
        try {
          return await (sound.announce?.(announcement, host) as Promise<Lease>);
        } catch {
          return { id: announcement.url, close: async () => {} };
        }
      },
    }),
    /nobody can call is refused/,
  ],
  'never takes back': [
    (sound) => ({
      announce: async (announcement, host) => {
        const lease = (await sound.announce?.(announcement, host)) as Lease;
        return { id: lease.id, close: async () => {} };
      },
    }),
    /gone when it is taken back/,
  ],
};

function sinkOf(sink: DiscoverySink): DiscoverySink {
  return {
    snapshot: (list, info) => sink.snapshot(list, info),
    patch: (change) => sink.patch(change),
    failed: (error) => sink.failed(error),
  };
}

describe('the conformance suite', { concurrency: true }, () => {
  it('asks of each source what it can do, and leaves nothing out of a full one', () => {
    const full = discoveryConformance({ ...mockSubject(), putBroken: async () => 0 });
    assert.ok(full.length >= 25, `${full.length}`);
    assert.equal(new Set(full.map(({ name }) => name)).size, full.length);
    assert.ok(discoveryConformance(staticSubject()).length < discoveryConformance(pollingSubject()).length);
  });

  for (const [what, [fault, found]] of Object.entries(FAULTS)) {
    it(`finds out a source that ${what}`, async () => {
      const sound = mockSubject();
      const discovery = () => {
        const source = sound.discovery();
        return { ...sourceOf(source), ...fault(source) };
      };
      const cases = discoveryConformance({ ...sound, traits: { ...FULL, seenWithinMs: 300 }, discovery });
      const wanted = cases.filter(({ name }) => found.test(name));
      const outcomes = await Promise.allSettled(wanted.map(({ run }) => run()));
      assert.ok(
        outcomes.some(({ status }) => status === 'rejected'),
        `${wanted.length} cases of ${cases.length} have found nothing`,
      );
      // The same cases find nothing where there is no fault.
      for (const { run } of discoveryConformance(sound).filter(({ name }) => found.test(name))) await run();
    });
  }
});

function sourceOf(source: Discovery): Discovery {
  const { name, announce, watch } = source;
  return { name, watch, ...(announce !== undefined && { announce }) };
}
