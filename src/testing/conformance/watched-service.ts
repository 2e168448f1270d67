import type { Discovery, DiscoveryHost, InstanceInput, SnapshotInfo, Stop } from '../../core/discovery.js';
import type { Instance } from '../../core/endpoint.js';
import { describeEntry, idOfEntry, parseInstance } from '../../discovery/instance.js';
import { isUnknownService } from '../../discovery/source-health.js';
import { realHost } from './real-host.js';

/** One watch of one service, and all that it heard. */
export class WatchedService {
  /** The instances that can be called, by id, as a mesh would have them. */
  readonly list = new Map<string, Instance>();
  /** Entries that were left out, by the source or for what they say; with how often each was reported. */
  readonly skipped = new Map<string, number>();
  /** What a source must never do. */
  readonly faults: string[] = [];
  /** The last failure, until something else is said. */
  failure: unknown = undefined;
  /** Whether anything was said. */
  heard = false;
  /** Whether a whole list was said since the last `mark`, that was not said to be the outcome of a change. */
  inferred = false;
  private stopped = false;
  private readonly stopWatch: Stop;

  constructor(
    source: Discovery,
    readonly service: string,
  ) {
    const host: DiscoveryHost = {
      ...realHost,
      skipped: (of, entry, reason) => {
        if (of !== service) this.faults.push(`an entry of '${of}' was reported as one of '${service}'`);
        this.skip(`${entry}: ${reason}`);
      },
    };
    this.stopWatch = source.watch(
      service,
      {
        snapshot: (instances, info) => this.snapshot(instances, info),
        patch: ({ upsert = [], remove = [] }) => this.patch(upsert, remove),
        failed: (error) => this.failed(error),
      },
      host,
    );
  }

  /** Whether the last word was that the registry does not know the service. */
  get isUnknown(): boolean {
    return isUnknownService(this.failure);
  }

  /** Whether there is nothing to call, and the registry said so. */
  get isEmpty(): boolean {
    return this.isUnknown || (this.heard && this.list.size === 0 && this.failure === undefined);
  }

  get ids(): readonly string[] {
    return [...this.list.keys()].sort();
  }

  stop(): void {
    this.stopped = true;
    this.stopWatch();
  }

  private snapshot(instances: readonly InstanceInput[], info: SnapshotInfo | undefined): void {
    this.says('a list');
    if (info?.live !== true) this.inferred = true;
    this.list.clear();
    this.take(instances);
  }

  private patch(upsert: readonly InstanceInput[], remove: readonly string[]): void {
    this.says('a change');
    for (const id of remove) this.list.delete(id);
    this.take(upsert);
  }

  private failed(error: unknown): void {
    this.says('a failure');
    this.failure = error;
    if (this.isUnknown) this.list.clear();
  }

  private says(what: string): void {
    if (this.stopped) this.faults.push(`${what} came after the watch was stopped`);
    this.heard = true;
    this.failure = undefined;
  }

  private take(inputs: readonly InstanceInput[]): void {
    const ids = new Set<string>();
    for (const input of inputs) {
      try {
        const instance = parseInstance(input);
        if (ids.has(instance.id)) this.faults.push(`'${instance.id}' is in one list twice`);
        ids.add(instance.id);
        this.list.set(instance.id, instance);
      } catch (error) {
        // A mesh reports these itself, once each.
        const id = idOfEntry(input);
        const entry = `${id ?? describeEntry(input)}: ${error instanceof Error ? error.message : error}`;
        if (!this.skipped.has(entry)) this.skip(entry);
        if (id !== undefined) this.list.delete(id);
      }
    }
  }

  private skip(entry: string): void {
    this.skipped.set(entry, (this.skipped.get(entry) ?? 0) + 1);
  }
}
