import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Discovery, DiscoveryHost, DiscoverySink, Stop } from '../core/discovery.js';
import { UnknownServiceError } from '../core/errors.js';
import { DeclaredNames } from './declared-names.js';
import type { FileParser, ServiceLists } from './file-format.js';
import { FolderWatch } from './folder-watch.js';

interface Watch {
  readonly service: string;
  readonly sink: DiscoverySink;
  /** Whether it has the list that was read last. */
  told: boolean;
}

/**
 * One file with the endpoints of many services, read again whenever it may have changed.
 *
 * A list that comes of a change to the file was meant by somebody, and counts as live: its removals apply at once.
 * One that is read for another reason is inferred.
 *
 * The whole file counts or none of it: one that does not parse, because somebody is still writing it, leaves
 * the last good lists in force. A file that is gone is a source that cannot be asked, and not an empty list.
 */
export class ServiceFile implements Discovery {
  readonly name = 'fileDiscovery';
  private readonly names: DeclaredNames;
  private readonly watches = new Set<Watch>();
  private folder: FolderWatch | undefined = undefined;
  /** The last good text and what it says. */
  private text: string | undefined = undefined;
  private lists: ServiceLists = new Map();
  private failing = false;
  private reading = false;
  private readAgain = false;

  constructor(
    private readonly path: string,
    private readonly parse: FileParser,
    private readonly pollMs: number,
  ) {
    this.names = new DeclaredNames(pollMs, () => parse(readFileSync(path, 'utf8')).keys());
  }

  declares(service: string): boolean {
    return this.names.has(service, this.watches.size > 0);
  }

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    const watch: Watch = { service, sink, told: false };
    this.watches.add(watch);
    this.names.useClock(host.clock);
    if (this.folder === undefined) {
      this.folder = new FolderWatch(dirname(this.path), host, this.pollMs, (names) => {
        if (names === undefined || this.mayConcern(names)) this.read();
      });
      this.folder.start();
    }
    this.read();
    return () => {
      this.watches.delete(watch);
      if (this.watches.size > 0) return;
      this.folder?.close();
      this.folder = undefined;
    };
  }

  /** Kubernetes replaces the files of a mounted ConfigMap by one link beside them, `..data`. */
  private mayConcern(names: ReadonlySet<string>): boolean {
    if (names.has(basename(this.path))) return true;
    for (const name of names) if (name.startsWith('..')) return true;
    return false;
  }

  /** One reading at a time, and one more for all that is asked for meanwhile. */
  private read(): void {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    this.reading = true;
    readFile(this.path, 'utf8')
      .then((text) => this.take(text))
      .catch((error) => this.fail(error))
      .then(() => {
        this.reading = false;
        if (!this.readAgain) return;
        this.readAgain = false;
        this.read();
      });
  }

  private take(text: string): void {
    const changed = text !== this.text;
    if (changed) {
      this.lists = this.parse(text);
      this.text = text;
      this.names.add(this.lists.keys());
    }
    // After a failure the same lists are news: the source is back.
    const isNews = changed || this.failing;
    this.failing = false;
    for (const watch of this.watches) {
      if (watch.told && !isNews) continue;
      // Only to those who know the list before is it the outcome of a change.
      const live = changed && watch.told;
      watch.told = true;
      const instances = this.lists.get(watch.service.toLowerCase());
      if (instances === undefined) watch.sink.failed(new UnknownServiceError(watch.service, this.name));
      else watch.sink.snapshot(instances, { live });
    }
  }

  /** At every attempt: a caller who has no list yet must not wait for one in vain. */
  private fail(error: unknown): void {
    this.failing = true;
    for (const { sink } of this.watches) sink.failed(error);
  }
}
