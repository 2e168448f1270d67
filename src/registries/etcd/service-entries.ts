import type { InstanceInput } from '../../core/discovery.js';
import { readEntry } from './entry.js';
import type { Header, KeyValue } from './messages.js';

/** What is known of one key. */
interface Known {
  readonly revision: number;
  readonly lease: string;
}

/** A change for the sink. */
export interface EntriesPatch {
  readonly upsert: readonly InstanceInput[];
  readonly remove: readonly string[];
}

/** The outcome of a whole list. */
export interface ListedEntries {
  /**
   * Whether the list proves to be a later state of the one known before, and so what is missing in it was removed. It
   * does not when the registry came back without its data, with other data, or with a part of it.
   */
  readonly isLater: boolean;
  readonly instances: readonly InstanceInput[];
  /** What has changed since; complete only where `isLater`. */
  readonly patch: EntriesPatch;
}

/** Takes the keys of a list one by one. */
export interface EntriesListing {
  add(entry: KeyValue): void;
  /** The list is complete. Without this, nothing of it counts. */
  end(header: Header): ListedEntries;
}

/**
 * The keys of one service, as far as they are needed to tell what has changed: when each was written and for which
 * lease. The instances themselves are the mesh's to keep.
 */
export class ServiceEntries {
  private known = new Map<string, Known>();
  /** Keys with values that nobody can use, and why: reported once each. */
  private unusable = new Map<string, string>();
  private upserts = new Map<string, InstanceInput>();
  private removals = new Set<string>();
  private header: Header | undefined = undefined;

  /**
   * @param prefix what all of the service's keys begin with; the rest of a key is the instance's id.
   * @param skipped hears of keys that had to be left out.
   */
  constructor(
    private readonly prefix: string,
    private readonly skipped: (key: string, reason: string) => void,
  ) {}

  /** A key was written, seen as it happened. */
  put(entry: KeyValue): void {
    const id = this.idOf(entry.key);
    if (id === undefined) return;
    // A watch that goes on after a break may repeat a little.
    if ((this.known.get(id)?.revision ?? 0) >= entry.revision) return;
    this.known.set(id, { revision: entry.revision, lease: entry.lease });
    const instance = this.read(id, entry.base64);
    if (instance === undefined) {
      this.upserts.delete(id);
      this.removals.add(id);
    } else {
      this.removals.delete(id);
      this.upserts.set(id, instance);
    }
  }

  /** A key was deleted at this revision, seen as it happened. */
  delete(key: string, revision: number): void {
    const id = this.idOf(key);
    if (id === undefined) return;
    const known = this.known.get(id);
    if (known === undefined || known.revision > revision) return;
    this.known.delete(id);
    this.unusable.delete(id);
    this.upserts.delete(id);
    this.removals.add(id);
  }

  /** What has come together since the last time; undefined for nothing. */
  takePatch(): EntriesPatch | undefined {
    if (this.upserts.size === 0 && this.removals.size === 0) return undefined;
    const patch = { upsert: [...this.upserts.values()], remove: [...this.removals] };
    this.upserts = new Map();
    this.removals = new Set();
    return patch;
  }

  /** A key by which a later state can be told from another history: of those up to a revision, the one that was written last. */
  witness(seen: number): { readonly key: string; readonly revision: number; readonly lease: string } | undefined {
    let latest: { key: string; revision: number; lease: string } | undefined;
    for (const [id, { revision, lease }] of this.known) {
      if (revision <= seen && (latest === undefined || revision > latest.revision)) latest = { key: this.prefix + id, revision, lease };
    }
    return latest;
  }

  /** Begins a whole list, which takes the place of all that was known once it is complete. `seen` is the revision up to which everything was known. */
  list(seen: number): EntriesListing {
    const { known, header } = this;
    const after = new Map<string, Known>();
    const instances: InstanceInput[] = [];
    const patch = { upsert: [] as InstanceInput[], remove: [] as string[] };
    let agreeing = 0;
    let contradicting = 0;
    return {
      add: (entry) => {
        const id = this.idOf(entry.key);
        if (id === undefined) return;
        const { revision, lease } = entry;
        const before = known.get(id);
        after.set(id, { revision, lease });
        const isSame = before?.revision === revision && before.lease === lease;
        if (isSame) agreeing++;
        else if (revision <= seen) contradicting++;
        const instance = this.read(id, entry.base64);
        if (instance !== undefined) {
          instances.push(instance);
          if (!isSame) patch.upsert.push(instance);
        } else if (!isSame) patch.remove.push(id);
      },
      end: (newHeader) => {
        for (const id of known.keys()) {
          if (after.has(id)) continue;
          patch.remove.push(id);
          this.unusable.delete(id);
        }
        this.known = after;
        this.header = newHeader;
        this.upserts = new Map();
        this.removals = new Set();
        const isLater = newHeader.cluster === header?.cluster && newHeader.revision >= seen && agreeing > 0 && contradicting === 0;
        return { isLater, instances, patch };
      },
    };
  }

  private idOf(key: string): string | undefined {
    return key.startsWith(this.prefix) ? key.slice(this.prefix.length) : undefined;
  }

  private read(id: string, base64: string): InstanceInput | undefined {
    try {
      const instance = readEntry(id, base64);
      this.unusable.delete(id);
      return instance;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.unusable.get(id) !== reason) this.skipped(this.prefix + id, reason);
      this.unusable.set(id, reason);
      return undefined;
    }
  }
}
