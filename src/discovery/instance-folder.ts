import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Announcement, Discovery, DiscoveryHost, DiscoverySink, InstanceInput, Lease, Stop } from '../core/discovery.js';
import { UnknownServiceError } from '../core/errors.js';
import { announceInFolder, type LeaseSettings } from './announce.js';
import { DeclaredNames } from './declared-names.js';
import { FolderWatch } from './folder-watch.js';
import { InstanceFiles } from './instance-files.js';
import { type InstanceRecord, isInstanceFile } from './instance-record.js';

interface Watch {
  readonly service: string;
  /** The service as files are compared with it: in lower case. */
  readonly key: string;
  readonly sink: DiscoverySink;
  readonly host: DiscoveryHost;
  /** What the sink was told, by id; undefined when it has to be told the whole list. */
  told: Map<string, string> | undefined;
}

/**
 * The embedded registry: a folder with a file for each instance, which the instance itself writes, renews and
 * removes. Processes on one machine find each other through it without a server.
 *
 * Nobody has to agree with anybody: a file has one writer, a reader sees the old one or the new one, and an
 * instance that died without a word is gone when its lease is over.
 *
 * A file that comes, goes or runs out is a change seen as it happened, and applies at once. When the folder
 * itself could not be read, the first list after that is only inferred.
 */
export class InstanceFolder implements Discovery {
  readonly name = 'fileDiscovery';
  private readonly names: DeclaredNames;
  private readonly files: InstanceFiles;
  private readonly watches = new Set<Watch>();
  private folderWatch: FolderWatch | undefined = undefined;
  private refreshing = false;
  /** What to look at after the refresh under way: some files, or all of them. */
  private next: Set<string> | 'all' | undefined = undefined;

  constructor(
    private readonly folder: string,
    private readonly pollMs: number,
    private readonly leaseSettings: LeaseSettings,
  ) {
    this.names = new DeclaredNames(pollMs, () => namesIn(folder));
    this.files = new InstanceFiles(folder, (file, last, reason) => this.reportBroken(file, last, reason));
  }

  declares(service: string): boolean {
    return this.names.has(service, this.watches.size > 0);
  }

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    const watch: Watch = { service, key: service.toLowerCase(), sink, host, told: undefined };
    this.watches.add(watch);
    this.names.useClock(host.clock);
    if (this.folderWatch === undefined) {
      this.folderWatch = new FolderWatch(this.folder, host, this.pollMs, (names) => this.refresh(names));
      this.folderWatch.start();
    }
    this.refresh(undefined);
    return () => {
      this.watches.delete(watch);
      if (this.watches.size > 0) return;
      this.folderWatch?.close();
      this.folderWatch = undefined;
    };
  }

  async announce(announcement: Announcement, host: DiscoveryHost): Promise<Lease> {
    const lease = await announceInFolder(this.folder, announcement, this.leaseSettings, host);
    this.names.add([announcement.service]);
    return lease;
  }

  /** One refresh at a time, and one more for all that is asked for meanwhile. */
  private refresh(names: ReadonlySet<string> | undefined): void {
    if (this.refreshing) {
      if (names === undefined || this.next === 'all') this.next = 'all';
      else this.next = new Set([...(this.next ?? []), ...names]);
      return;
    }
    const [watch] = this.watches;
    if (watch === undefined) return;
    this.refreshing = true;
    this.files
      .refresh(names, watch.host.clock)
      .then(
        () => this.publish(),
        (error) => this.fail(error),
      )
      .then(() => {
        this.refreshing = false;
        const { next } = this;
        this.next = undefined;
        if (next !== undefined) this.refresh(next === 'all' ? undefined : next);
      });
  }

  private publish(): void {
    const records = [...this.files.records()];
    this.names.add(records.map((record) => record.service));
    for (const watch of this.watches) this.tell(watch, current(records, watch));
  }

  /** Tells a watch what differs from what it was told last. */
  private tell(watch: Watch, records: ReadonlyMap<string, InstanceRecord>): void {
    const { sink, service, told } = watch;
    if (told === undefined && records.size === 0 && !this.names.has(service, true)) {
      sink.failed(new UnknownServiceError(service, this.name));
      // From here on there is something to compare with: the first instance is a change like any other.
      watch.told = new Map();
      return;
    }
    watch.told = new Map([...records].map(([id, { text }]) => [id, text]));
    if (told === undefined) {
      sink.snapshot([...records.values()].map(({ instance }) => instance));
      return;
    }
    const upsert: InstanceInput[] = [];
    for (const [id, { text, instance }] of records) if (told.get(id) !== text) upsert.push(instance);
    const remove = [...told.keys()].filter((id) => !records.has(id));
    if (upsert.length > 0 || remove.length > 0) sink.patch({ upsert, remove });
  }

  /** The instances go on to be known as they were; what is read next cannot be compared with it as if seen live. */
  private fail(error: unknown): void {
    this.folderWatch?.forget();
    for (const watch of this.watches) {
      watch.told = undefined;
      watch.sink.failed(error);
    }
  }

  /** To those who watch the service that the file was about, or to all where nobody can tell. */
  private reportBroken(file: string, last: InstanceRecord | undefined, reason: string): void {
    for (const { service, key, host } of this.watches) {
      if (last === undefined || last.service === key) host.skipped(service, file, reason);
    }
  }
}

/** The instances of a watched service whose leases are not over. Of two files with one id, the one that lasts longer counts. */
function current(records: readonly InstanceRecord[], { key, host }: Watch): Map<string, InstanceRecord> {
  const nowMs = host.clock.now();
  const byId = new Map<string, InstanceRecord>();
  for (const record of records) {
    if (record.service !== key || record.expiresAtMs < nowMs) continue;
    const other = byId.get(record.id);
    if (other === undefined || other.expiresAtMs < record.expiresAtMs) byId.set(record.id, record);
  }
  return byId;
}

/** The services of the instance files in a folder. */
function* namesIn(folder: string): Generator<string> {
  for (const file of readdirSync(folder).filter(isInstanceFile)) {
    try {
      const content: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      if (typeof content === 'object' && content !== null && 'service' in content && typeof content.service === 'string')
        yield content.service;
    } catch {
      // Half written, or gone since it was listed. It is read again when it counts.
    }
  }
}
