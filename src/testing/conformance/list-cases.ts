import assert from 'node:assert/strict';
import { eventually } from './real-host.js';
import type { ConformanceTraits, EnteredInstance } from './subject.js';
import type { Trial } from './trial.js';

/** A case before it has a subject. */
export interface Case {
  readonly name: string;
  /** Whether it can be asked of a registry of this kind. Default: of every one. */
  readonly fits?: (traits: ConformanceTraits, has: { readonly broken: boolean }) => boolean;
  readonly run: (trial: Trial) => Promise<void>;
}

const MANY = 200;
const DEFAULT_ODD_NAMES = ['with-a-dash', '4711'];
/** Text in which a byte that is lost, cut or escaped twice shows. */
const UNICODE = { greeting: 'Grüße, 世界 \u{1F30D}', quoted: '"\\\' <script>&amp;%20', empty: '' };

/** Instance `n`, with something in every field. */
export function instance(n: number, more: Partial<EnteredInstance> = {}): EnteredInstance {
  const id = `instance-${n}`;
  return {
    id,
    url: `http://10.1.${n >> 8}.${n & 255}:${8_000 + n}`,
    weight: 1 + (n % 5),
    zone: `zone-${n % 3}`,
    metadata: { version: `${n}` },
    ...more,
  };
}

const sees = ({ changes = true }: ConformanceTraits): boolean => changes;

/** What a source says of a service: all of it, as it is, and as it changes. */
export const listCases: readonly Case[] = [
  {
    name: 'the first list has every instance, with everything that it says of itself',
    async run(trial) {
      const service = trial.newService();
      const instances = [instance(1), instance(2), instance(3)];
      await trial.put(service, ...instances);
      await trial.sees(trial.watch(trial.source(), service), ...instances);
    },
  },
  {
    name: 'instances that speak TLS, or serve under a path, are reached so',
    fits: ({ wholeUrls = true }) => wholeUrls,
    async run(trial) {
      const service = trial.newService();
      const instances = [instance(1), instance(2, { url: 'https://10.1.0.2' }), instance(3, { url: 'http://10.1.0.3:8003/base/path' })];
      await trial.put(service, ...instances);
      await trial.sees(trial.watch(trial.source(), service), ...instances);
    },
  },
  {
    name: 'two hundred instances are all there',
    async run(trial) {
      const service = trial.newService();
      // As with copies of one program, which listen on one port.
      const instances = Array.from({ length: MANY }, (_, n) => instance(n, { url: `http://10.2.0.${n}:8080` }));
      await trial.put(service, ...instances);
      await trial.sees(trial.watch(trial.source(), service), ...instances);
    },
  },
  {
    name: 'metadata comes through in every script, and with every character',
    fits: ({ metadata }) => metadata,
    async run(trial) {
      const service = trial.newService();
      const entered = instance(1, { metadata: UNICODE });
      await trial.put(service, entered);
      await trial.sees(trial.watch(trial.source(), service), entered);
    },
  },
  {
    name: 'instances that come later are seen',
    fits: sees,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1));
      await trial.put(service, instance(2));
      await trial.sees(watch, instance(1), instance(2));
      await trial.put(service, ...Array.from({ length: 20 }, (_, n) => instance(3 + n)));
      await trial.sees(watch, ...Array.from({ length: 22 }, (_, n) => instance(1 + n)));
    },
  },
  {
    name: 'an instance that goes is seen to be gone, and so is the last one',
    fits: sees,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2), instance(3));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1), instance(2), instance(3));
      await trial.remove(service, instance(2).id);
      await trial.sees(watch, instance(1), instance(3));
      await trial.remove(service, instance(1).id);
      await trial.remove(service, instance(3).id);
      await trial.seesNobody(watch);
    },
  },
  {
    name: 'an instance that went and comes back is seen again',
    fits: sees,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1), instance(2));
      await trial.remove(service, instance(2).id);
      await trial.sees(watch, instance(1));
      await trial.put(service, instance(2));
      await trial.sees(watch, instance(1), instance(2));
    },
  },
  {
    name: 'an instance whose weight, zone or metadata changes is the same instance',
    fits: (traits) => sees(traits) && (traits.weights || traits.zones || traits.metadata),
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1), instance(2));
      for (const change of [{ weight: 7 }, { zone: 'elsewhere' }, { metadata: { version: 'new', more: 'yes' } }]) {
        const changed = instance(2, change);
        await trial.put(service, changed);
        await trial.sees(watch, instance(1), changed);
      }
    },
  },
  {
    name: 'an instance that moves to another address keeps its id',
    fits: (traits) => sees(traits) && traits.ids,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1), instance(2));
      const moved = instance(2, { url: 'http://10.9.9.9:9999' });
      await trial.put(service, moved);
      await trial.sees(watch, instance(1), moved);
    },
  },
  {
    name: 'removals are told as seen, and not left to be guessed from a shorter list',
    fits: (traits) => sees(traits) && traits.live,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, ...Array.from({ length: 8 }, (_, n) => instance(n)));
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, ...Array.from({ length: 8 }, (_, n) => instance(n)));
      watch.inferred = false;
      for (let n = 2; n < 8; n++) await trial.remove(service, instance(n).id);
      await trial.sees(watch, instance(0), instance(1));
      assert.equal(watch.inferred, false, 'a mesh holds such a list back: it could be a registry that restarted empty');
    },
  },
  {
    name: 'services do not mix, whatever their names have in common',
    async run(trial) {
      const service = trial.newService();
      const names = [service, `${service}-a`, `${service}-a-b`, `${service}a`];
      for (const [n, name] of names.entries()) await trial.put(name, instance(n));
      const source = trial.source();
      const watches = names.map((name) => trial.watch(source, name));
      for (const [n, watch] of watches.entries()) await trial.sees(watch, instance(n));
    },
  },
  {
    name: 'services may have odd names',
    async run(trial) {
      const names = trial.subject.traits.oddNames ?? DEFAULT_ODD_NAMES;
      for (const [n, name] of names.entries()) await trial.put(name, instance(n));
      const source = trial.source();
      const watches = names.map((name) => trial.watch(source, name));
      for (const [n, watch] of watches.entries()) await trial.sees(watch, instance(n));
    },
  },
  {
    name: 'a service that nobody has entered has nobody, and is unknown where that can be told',
    async run(trial) {
      const watch = trial.watch(trial.source(), trial.newService());
      await trial.seesNobody(watch);
      // It may be empty first: whether it exists takes some registries a second question.
      if (trial.subject.traits.tellsUnknown) await eventually(() => watch.isUnknown, 'it is said to be unknown', trial.withinMs);
    },
  },
  {
    name: 'a service that comes to be while it is watched is seen',
    fits: sees,
    async run(trial) {
      const service = trial.newService();
      const watch = trial.watch(trial.source(), service);
      await trial.seesNobody(watch);
      await trial.put(service, instance(1));
      await trial.sees(watch, instance(1));
    },
  },
  {
    name: 'entries that nobody can call are left out and reported once each, and the others stay',
    fits: (_, { broken }) => broken,
    async run(trial) {
      const service = trial.newService();
      await trial.put(service, instance(1), instance(2));
      const count = (await trial.subject.putBroken?.(service)) ?? 0;
      const watch = trial.watch(trial.source(), service);
      await trial.sees(watch, instance(1), instance(2));
      if (sees(trial.subject.traits)) {
        // What is read again with this is not reported again.
        await trial.put(service, instance(3));
        await trial.sees(watch, instance(1), instance(2), instance(3));
      }
      assert.ok(
        watch.skipped.size >= count,
        `${watch.skipped.size} of ${count} entries were reported: ${[...watch.skipped.keys()].join(', ')}`,
      );
      for (const [entry, times] of watch.skipped) assert.equal(times, 1, `'${entry}' was reported ${times} times`);
    },
  },
];
