import type { InstanceInput } from '../../core/discovery.js';
import { sameMetadata } from '../../discovery/instance-fields.js';
import type { EntryInstance, HealthEntry } from './health-entry.js';

/**
 * Which instance goes by which id. Consul's ids are unique on one node only, so two entries may want the same: where
 * they are reached at one place, they are one instance (announced to a second agent after the first had died, and the
 * first came back with its data); where not, the later one is told apart by its node.
 */

interface Published {
  readonly entry: HealthEntry;
  readonly instance: EntryInstance;
  /** Undefined while another entry stands for the same instance. */
  id: string | undefined;
}

export class PublishedIds {
  private readonly byKey = new Map<string, Published>();
  private readonly owners = new Map<string, Published>();
  /** Entries for which another one stands. Nearly always none. */
  private readonly shadows = new Set<Published>();
  private readonly upserts = new Map<string, Published>();
  private readonly removals = new Set<string>();

  constructor(
    private readonly priority: number,
    private readonly idSuffix: string,
    private readonly skipped: (entry: string, reason: string) => void,
  ) {}

  get size(): number {
    return this.owners.size;
  }

  instances(): InstanceInput[] {
    return Array.from(this.owners.values(), (published) => this.input(published));
  }

  /** What has changed since this was called last. */
  changes(): { upsert: InstanceInput[]; remove: string[] } {
    const upsert = Array.from(this.upserts.values(), (published) => this.input(published));
    const remove = [...this.removals].filter((id) => !this.upserts.has(id)).map((id) => id + this.idSuffix);
    this.upserts.clear();
    this.removals.clear();
    return { upsert, remove };
  }

  /** An entry is new, or says something else. */
  put(entry: HealthEntry, instance: EntryInstance): void {
    const before = this.byKey.get(entry.key);
    if (before !== undefined && before.entry.id === entry.id && isSame(before.instance, instance)) return;
    const published: Published = { entry, instance, id: undefined };
    this.byKey.set(entry.key, published);
    if (before?.id !== undefined && before.entry.id === entry.id) {
      this.give(before.id, published);
      // Those that were reached at the same place may not be any more.
      if (before.instance.url !== instance.url) this.resolveShadows(before.id);
      return;
    }
    if (before !== undefined) this.release(before);
    this.place(published);
  }

  /** An entry is gone, or gets no requests. */
  take(key: string): void {
    const published = this.byKey.get(key);
    if (published === undefined) return;
    this.byKey.delete(key);
    this.release(published);
  }

  private place(published: Published): void {
    const { id, node } = published.entry;
    const owner = this.owners.get(id);
    if (owner === undefined) {
      this.give(id, published);
    } else if (owner.instance.url === published.instance.url) {
      this.shadows.add(published);
    } else if (this.owners.has(`${id}@${node}`)) {
      this.skipped(`${id} on ${node}`, `the list has other instances with the ids '${id}' and '${id}@${node}'`);
    } else {
      this.give(`${id}@${node}`, published);
    }
  }

  private give(id: string, published: Published): void {
    published.id = id;
    this.owners.set(id, published);
    this.upserts.set(id, published);
  }

  private release(published: Published): void {
    this.shadows.delete(published);
    const { id } = published;
    if (id === undefined) return;
    this.owners.delete(id);
    this.upserts.delete(id);
    this.removals.add(id);
    this.resolveShadows(id);
  }

  private resolveShadows(id: string): void {
    for (const shadow of [...this.shadows].filter(({ entry }) => entry.id === id)) {
      this.shadows.delete(shadow);
      this.place(shadow);
    }
  }

  private input({ id, instance }: Published): InstanceInput {
    return { ...instance, id: `${id}${this.idSuffix}`, priority: this.priority };
  }
}

function isSame(one: EntryInstance, other: EntryInstance): boolean {
  return one.url === other.url && one.weight === other.weight && one.zone === other.zone && sameMetadata(one.metadata, other.metadata);
}
