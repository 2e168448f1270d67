import type { RegisteredInstance } from './registered-instance.js';

/** By instance id, what became of the instances that changed: undefined for one that is gone. */
export type ServiceChanges = Map<string, RegisteredInstance | undefined>;

/** Where changes are written down that somebody is to be told. */
export interface Journal {
  /** By service. */
  readonly changes: Map<string, ServiceChanges>;
  /** Whether anybody is to be told about the service. */
  isWatched(service: string): boolean;
}

/**
 * All instances that the registry has, of all applications, as one server told it: it is asked once for all services.
 *
 * Changes come as a window of the last three minutes, so that each is seen many times: one is taken over only where it is
 * newer than what is known. Whether nothing was missed is told by a hash over all instances, which has to be the
 * server's.
 */
export class ApplicationTable {
  private readonly instances = new Map<string, RegisteredInstance>();
  private readonly services = new Map<string, Map<string, RegisteredInstance>>();
  private readonly statuses = new Map<string, number>();
  private journal: Journal | undefined = undefined;

  get size(): number {
    return this.instances.size;
  }

  /** The instances of a service, those that are not up included; undefined for a service that the registry does not know. */
  instancesOf(service: string): readonly RegisteredInstance[] | undefined {
    const members = this.services.get(service);
    return members === undefined ? undefined : [...members.values()];
  }

  /** The instance as it is known, where the registry says nothing new of it: most of a long list. */
  known(instance: RegisteredInstance): RegisteredInstance | undefined {
    const known = this.instances.get(keyOf(instance));
    return known !== undefined && saysTheSame(known, instance) ? known : undefined;
  }

  /** Takes in an instance as a list has it. */
  put(instance: RegisteredInstance): void {
    const key = keyOf(instance);
    const before = this.instances.get(key);
    if (before !== undefined) this.remove(key, before);
    this.instances.set(key, instance);
    this.statuses.set(instance.status, (this.statuses.get(instance.status) ?? 0) + 1);
    for (const service of instance.services) {
      const members = this.services.get(service) ?? new Map<string, RegisteredInstance>();
      this.services.set(service, members.set(key, instance));
      this.note(service, instance.id, instance);
    }
  }

  /** Takes in a change, unless it is one that the table had already. */
  apply(change: RegisteredInstance): void {
    const key = keyOf(change);
    const before = this.instances.get(key);
    // A change that is older than what is known was overtaken. Where that is wrong (the server's clock was set back), the hash says so.
    if (before !== undefined && before.changedAt > change.changedAt) return;
    if (change.isDeleted) {
      if (before !== undefined) this.remove(key, before);
    } else if (before === undefined || !saysTheSame(before, change)) this.put(change);
  }

  /** What the server must have, too, if nothing was missed: `DOWN_1_UP_12_`, as Eureka's own client computes it. */
  get hash(): string {
    const counts = [...this.statuses].filter(([, count]) => count > 0);
    counts.sort(([one], [other]) => (one < other ? -1 : 1));
    return counts.map(([status, count]) => `${status}_${count}_`).join('');
  }

  /** From now on changes are written down; first of all, in what this table differs from the one `before` it. */
  keepJournal(journal: Journal, before: ApplicationTable): void {
    this.journal = journal;
    for (const [service, members] of before.services) {
      if (!journal.isWatched(service)) continue;
      const now = this.services.get(service);
      for (const [key, { id }] of members) if (now?.has(key) !== true) this.note(service, id, undefined);
    }
    for (const [service, members] of this.services) {
      if (!journal.isWatched(service)) continue;
      const then = before.services.get(service);
      for (const [key, instance] of members) if (then?.get(key) !== instance) this.note(service, instance.id, instance);
    }
  }

  private remove(key: string, instance: RegisteredInstance): void {
    this.instances.delete(key);
    this.statuses.set(instance.status, (this.statuses.get(instance.status) ?? 1) - 1);
    for (const service of instance.services) {
      const members = this.services.get(service);
      members?.delete(key);
      if (members?.size === 0) this.services.delete(service);
      this.note(service, instance.id, undefined);
    }
  }

  private note(service: string, id: string, instance: RegisteredInstance | undefined): void {
    const { journal } = this;
    if (journal === undefined || !journal.isWatched(service)) return;
    const changed = journal.changes.get(service) ?? (new Map() as ServiceChanges);
    journal.changes.set(service, changed.set(id, instance));
  }
}

function keyOf({ app, instanceId }: RegisteredInstance): string {
  return `${app}\n${instanceId}`;
}

/** Every change to an entry gives it a new time, but for a status that a heartbeat brings back. */
function saysTheSame(one: RegisteredInstance, other: RegisteredInstance): boolean {
  return (
    one.changedAt === other.changedAt &&
    one.dirtyAt === other.dirtyAt &&
    one.status === other.status &&
    (one.input === undefined) === (other.input === undefined)
  );
}
