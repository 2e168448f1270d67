import type { DiscoverySink, InstanceInput } from '../../core/discovery.js';
import { UnknownServiceError } from '../../core/errors.js';
import { readInstance } from './curator-instance.js';
import { idOfNode } from './node-names.js';

/** What became of reading a znode: its data, or why it cannot be used; undefined for one that is not there. */
export type NodeRead = { readonly data: Buffer | undefined } | { readonly unreadable: string } | undefined;

/**
 * The members of one service, as far as they are known, and what the sink has been told of them.
 *
 * A first list, or one of a new session, is gathered and told in one piece. After that each change is told by itself.
 */
export class MemberList {
  /** Names of znodes, and whether the sink has an instance of it. */
  private readonly members = new Map<string, boolean>();
  private gathered: Map<string, InstanceInput> | undefined = new Map();
  /** What was wrong with entries, so that it is reported once. */
  private readonly reported = new Map<string, string>();

  constructor(
    private readonly service: string,
    private readonly source: string,
    private readonly sink: DiscoverySink,
    private readonly skipped: (name: string, reason: string) => void,
  ) {}

  /** Whether the sink has a whole list of this session. */
  get isTold(): boolean {
    return this.gathered === undefined;
  }

  get names(): IterableIterator<string> {
    return this.members.keys();
  }

  /** A new session: nothing is known to be as it was. The sink keeps its list until there is another. */
  beginAnew(): void {
    this.members.clear();
    this.gathered = new Map();
  }

  /** All names there are. Returns those that are new, whose znodes have to be read. */
  setNames(names: readonly string[]): string[] {
    const added = names.filter((name) => !this.members.has(name));
    // Mostly nobody has left, and then nobody has to be looked for.
    if (names.length - added.length < this.members.size) {
      const there = new Set(names);
      this.drop([...this.members.keys()].filter((name) => !there.has(name)));
    }
    return added;
  }

  /** What reading some znodes has shown. */
  setRead(reads: readonly (readonly [name: string, read: NodeRead])[]): void {
    const upsert: InstanceInput[] = [];
    const remove: string[] = [];
    for (const [name, read] of reads) {
      const instance = this.instanceOf(name, read);
      if (instance !== undefined) upsert.push(instance);
      else if (this.members.get(name) === true) remove.push(idOfNode(name));
      if (read === undefined) this.members.delete(name);
      else this.members.set(name, instance !== undefined);
      if (instance !== undefined) this.gathered?.set(name, instance);
      else this.gathered?.delete(name);
    }
    if (this.isTold && upsert.length + remove.length > 0) this.sink.patch({ upsert, remove });
  }

  /** Everything has been read. */
  complete(): void {
    if (this.gathered === undefined) return;
    const instances = [...this.gathered.values()];
    this.gathered = undefined;
    this.sink.snapshot(instances);
  }

  /** The service's own znode is not there. */
  unknown(): void {
    this.drop([...this.members.keys()]);
    this.beginAnew();
    this.sink.failed(new UnknownServiceError(this.service, this.source));
  }

  private drop(names: readonly string[]): void {
    const remove: string[] = [];
    for (const name of names) {
      if (this.members.get(name) === true) remove.push(idOfNode(name));
      this.members.delete(name);
      this.reported.delete(name);
      this.gathered?.delete(name);
    }
    if (this.isTold && remove.length > 0) this.sink.patch({ remove });
  }

  private instanceOf(name: string, read: NodeRead): InstanceInput | undefined {
    let reason: string;
    try {
      const instance = read !== undefined && 'data' in read ? readInstance(idOfNode(name), read.data) : undefined;
      if (read === undefined || 'data' in read) {
        this.reported.delete(name);
        return instance;
      }
      reason = read.unreadable;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    if (this.reported.get(name) !== reason) this.skipped(name, reason);
    this.reported.set(name, reason);
    return undefined;
  }
}
