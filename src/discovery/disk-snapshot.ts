import { resolve } from 'node:path';
import type { Clock, Timer } from '../core/clock.js';
import type { Instance } from '../core/endpoint.js';
import { ConfigError } from '../core/errors.js';
import { jittered } from '../core/jitter.js';
import { durationMs, knownKeys, wholeNumberIn } from '../core/options-check.js';
import type { Random } from '../core/random.js';
import type { ListMemory, RememberedList } from './list-memory.js';
import { type FileMark, markOf, readBounded, removeLitter, sameMark, writeWhole } from './snapshot-file.js';
import { decodeInstances, decodeSnapshot, encodeInstances, encodeSnapshot, type KeptList, keyOf } from './snapshot-format.js';

/** Where the last good lists are kept on disk, and for how long they are good. */
export interface DiskSnapshotOptions {
  /** The file, relative to the working directory. Its folder is made where it is missing. Processes may share it. */
  readonly path: string;
  /** A list that its source last stood by longer ago than this is not used, in milliseconds. Above 0, Infinity for any age; default 86,400,000 (a day). */
  readonly maxAgeMs?: number | undefined;
  /** How long a source may say nothing before the kept list serves, in milliseconds. Above 0; default 1,000. */
  readonly waitMs?: number | undefined;
  /** How soon after a change the lists are written, in milliseconds; up to half as much again, by chance. Above 0; default 5,000. */
  readonly writeDelayMs?: number | undefined;
  /** The most bytes of the file: the lists confirmed longest ago are left out where it would have more. 1,024 to 268,435,456; default 16,777,216. */
  readonly maxBytes?: number | undefined;
}

/** `DiskSnapshotOptions` with everything filled in. */
export type DiskSnapshotSettings = { readonly [Key in keyof DiskSnapshotOptions]-?: NonNullable<DiskSnapshotOptions[Key]> };

/** Checks the options and fills in the defaults. @throws ConfigError with the path of the first bad one. */
export function diskSnapshotSettings(path: string, options: unknown): DiskSnapshotSettings {
  knownKeys(path, options, ['path', 'maxAgeMs', 'waitMs', 'writeDelayMs', 'maxBytes']);
  const given = options as Partial<DiskSnapshotOptions>;
  if (typeof given.path !== 'string' || given.path === '') throw new ConfigError(`${path}.path`, 'the path of a file', given.path);
  return {
    // The working directory may change later.
    path: resolve(given.path),
    maxAgeMs: durationMs(`${path}.maxAgeMs`, given.maxAgeMs ?? 86_400_000, { infinite: true }),
    waitMs: durationMs(`${path}.waitMs`, given.waitMs ?? 1_000),
    writeDelayMs: durationMs(`${path}.writeDelayMs`, given.writeDelayMs ?? 5_000),
    maxBytes: wholeNumberIn(`${path}.maxBytes`, given.maxBytes ?? 16 * 1_024 * 1_024, 1_024, 256 * 1_024 * 1_024),
  };
}

/** One service's list as it is now. */
export interface CurrentList {
  readonly service: string;
  /** Different for every different list. */
  readonly revision: number;
  readonly instances: readonly Instance[];
  /** Since when nobody stands by it, by the mesh's clock; undefined while its source does. */
  readonly staleSinceMs: number | undefined;
}

/** What a snapshot needs of the mesh. */
export interface DiskSnapshotInit {
  readonly settings: DiskSnapshotSettings;
  /** The name of the mesh's source. */
  readonly source: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The lists that the mesh has from its source. */
  lists(): readonly CurrentList[];
  /** The file cannot be used; everything else goes on without it. */
  failed(operation: 'read' | 'write', error: unknown): void;
}

/** Lists that do not change are written anew this often in their lifetime, since it is their age that is told from it. */
const REFRESHES_PER_LIFE = 24;
const LONGEST_REFRESH_MS = 3_600_000;
const JITTER = 0.5;

/**
 * The last good lists in a file, so that a process can start while its registry is down.
 *
 * It is written a while after a change, all lists at once, and now and then although nothing changed. Nobody waits for
 * it but `close`. Lists of other processes and of services that this one has not used yet are passed on as they are.
 */
export class DiskSnapshot implements ListMemory {
  isLoaded = false;
  private loading: Promise<void> | undefined = undefined;
  private kept = new Map<string, KeptList>();
  private mark: FileMark | undefined = undefined;
  /** The JSON of lists by service, as long as they do not change. */
  private readonly encoded = new Map<string, { readonly revision: number; readonly text: string }>();
  private timer: Timer | undefined = undefined;
  private isDue = false;
  private hasList = false;
  private writing: Promise<void> = Promise.resolve();
  private closed = false;
  private readonly failing = new Set<'read' | 'write'>();

  constructor(private readonly init: DiskSnapshotInit) {}

  get waitMs(): number {
    return this.init.settings.waitMs;
  }

  whenLoaded(then: () => void): void {
    if (this.isLoaded) {
      then();
      return;
    }
    this.loading ??= this.load();
    this.loading.then(then);
  }

  recall(service: string): RememberedList | undefined {
    const list = this.kept.get(keyOf({ service, source: this.init.source }));
    if (list === undefined || !this.isYoung(list)) return undefined;
    try {
      return { instances: decodeInstances(list.instances), ageMs: this.ageOf(list) };
    } catch (error) {
      this.tell('read', error);
      return undefined;
    }
  }

  changed(): void {
    this.hasList = true;
    if (this.isDue || this.closed) return;
    this.isDue = true;
    const { writeDelayMs } = this.init.settings;
    this.writeIn(writeDelayMs * (1 + JITTER * this.init.random.next()));
  }

  /** Writes the last state, where there is one. Never rejects. */
  close(): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.timer?.cancel();
      if (this.hasList) this.write();
    }
    return this.writing;
  }

  private async load(): Promise<void> {
    const { path } = this.init.settings;
    await this.readKept();
    this.isLoaded = true;
    await removeLitter(path, this.init.clock.wallTime());
  }

  /** Reads what is in the file, unless it is what was read or written last. */
  private async readKept(): Promise<void> {
    const { path, maxBytes } = this.init.settings;
    try {
      const mark = await markOf(path);
      if (mark === undefined || sameMark(mark, this.mark)) return;
      const text = await readBounded(path, maxBytes);
      if (text !== undefined) this.merge(await decodeSnapshot(text));
      this.mark = mark;
      this.failing.delete('read');
    } catch (error) {
      this.tell('read', error);
    }
  }

  /** Of two lists of one service the one confirmed later is right. */
  private merge(lists: ReadonlyMap<string, KeptList>): void {
    for (const list of lists.values()) if (list.confirmedAt !== this.kept.get(keyOf(list))?.confirmedAt) this.keep(list);
  }

  private keep(list: KeptList): void {
    const key = keyOf(list);
    if ((this.kept.get(key)?.confirmedAt ?? Number.NEGATIVE_INFINITY) <= list.confirmedAt) this.kept.set(key, list);
  }

  private writeIn(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.init.clock.setTimer(() => this.write(), delayMs);
    this.timer.unref();
  }

  /** Begins to write, after what is being written already. The lists are those of this moment. */
  private write(): void {
    this.isDue = false;
    const lists = this.init.lists();
    const nowMs = this.init.clock.now();
    const wallTimeMs = this.init.clock.wallTime();
    this.writing = this.writing.then(() => this.writeLists(lists, ({ staleSinceMs }) => wallTimeMs - (nowMs - (staleSinceMs ?? nowMs))));
  }

  private async writeLists(lists: readonly CurrentList[], confirmedAt: (list: CurrentList) => number): Promise<void> {
    const { settings, source } = this.init;
    try {
      await this.readKept();
      for (const service of [...this.encoded.keys()]) if (!lists.some((list) => list.service === service)) this.encoded.delete(service);
      for (const list of lists) {
        const { service } = list;
        if (list.instances.length === 0) this.kept.delete(keyOf({ service, source }));
        else this.keep({ service, source, confirmedAt: confirmedAt(list), instances: await this.textOf(list) });
      }
      for (const [key, list] of this.kept) if (!this.isYoung(list)) this.kept.delete(key);
      const newestFirst = [...this.kept.values()].sort((one, other) => other.confirmedAt - one.confirmedAt);
      const { pieces, leftOut } = await encodeSnapshot(newestFirst, settings.maxBytes);
      this.mark = await writeWhole(settings.path, pieces);
      if (leftOut > 0)
        this.tell(
          'write',
          new Error(`${leftOut} of ${newestFirst.length} lists were left out: they take more than maxBytes (${settings.maxBytes})`),
        );
      else this.failing.delete('write');
    } catch (error) {
      this.tell('write', error);
    }
    if (!this.isDue && !this.closed)
      this.writeIn(jittered(Math.min(settings.maxAgeMs / REFRESHES_PER_LIFE, LONGEST_REFRESH_MS), this.init.random));
  }

  private async textOf({ service, revision, instances }: CurrentList): Promise<string> {
    const known = this.encoded.get(service);
    if (known?.revision === revision) return known.text;
    const text = await encodeInstances(instances);
    this.encoded.set(service, { revision, text });
    return text;
  }

  private ageOf({ confirmedAt }: KeptList): number {
    // A time in the future is another clock's.
    return Math.max(0, this.init.clock.wallTime() - confirmedAt);
  }

  private isYoung(list: KeptList): boolean {
    return this.ageOf(list) <= this.init.settings.maxAgeMs;
  }

  /** Once for each time that it begins to fail. */
  private tell(operation: 'read' | 'write', error: unknown): void {
    if (this.failing.has(operation)) return;
    this.failing.add(operation);
    this.init.failed(operation, error);
  }
}
