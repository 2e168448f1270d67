import { type Combination, type CombinedNews, isAwaited } from './combination.js';
import type { MemberState } from './composite-member.js';
import type { ListChange, Listed } from './member-list.js';

/** What stands for one member's instance in the whole: under which id, or not at all. */
interface Place {
  readonly id: string;
  readonly input: Listed['input'];
}

/**
 * The instances of all members serve, each address once.
 *
 * Where several members name one address, the first of them speaks for it. Where two name different addresses by one
 * id, the later one's gets its member's name added. Both are decided from the lists as they are, so that the order in
 * which members speak leaves no trace; and from the entries that a change touches alone, so that one change among ten
 * thousand instances costs what one change costs.
 */
export class UnionCombination implements Combination {
  lookAgainAtMs = Number.POSITIVE_INFINITY;
  readonly serving = undefined;
  private readonly views: readonly MemberView[];
  private begun = false;

  constructor(members: readonly MemberState[]) {
    this.views = members.map((member) => new MemberView(member));
  }

  update(member: MemberState | undefined, change: ListChange | undefined, nowMs: number): CombinedNews | undefined {
    const changed = member === undefined || change === undefined ? undefined : this.merge(member, change);
    if (this.begun) {
      if (changed === undefined || member === undefined || member.isFailing) return undefined;
      return { kind: 'change', ...changed };
    }
    return this.begin(nowMs);
  }

  /** The first list waits for everybody, within bounds: half of the instances would get all of the requests. */
  private begin(nowMs: number): CombinedNews | undefined {
    this.lookAgainAtMs = Number.POSITIVE_INFINITY;
    for (const { member } of this.views)
      if (isAwaited(member, nowMs)) this.lookAgainAtMs = Math.min(this.lookAgainAtMs, member.awaitedUntilMs ?? nowMs);
    if (this.lookAgainAtMs !== Number.POSITIVE_INFINITY || !this.views.some(({ member }) => member.hasInstances)) return undefined;
    this.begun = true;
    return { kind: 'list', instances: this.views.flatMap(({ places }) => Array.from(places.values(), ({ input }) => input)), live: false };
  }

  private merge(
    member: MemberState,
    change: ListChange,
  ): { readonly upsert: readonly Listed['input'][]; readonly remove: readonly string[] } {
    const touched = this.touchedBy(member, change);
    const removed = new Set<string>();
    const upsert: Listed['input'][] = [];
    for (const [index, ids] of touched.entries()) {
      const { places } = this.views[index] as MemberView;
      for (const id of ids) {
        const before = places.get(id);
        const now = this.placeOf(index, id);
        if (before?.input === now?.input) continue;
        if (before !== undefined) removed.add(before.id);
        if (now === undefined) places.delete(id);
        else {
          places.set(id, now);
          upsert.push(now.input);
        }
      }
    }
    // An id may have gone from one member's instance to another's.
    for (const { id } of upsert) if (id !== undefined) removed.delete(id);
    return { upsert, remove: [...removed] };
  }

  /** For each member the ids whose place may be another one now: those of the change, and later ones with the same id or address. */
  private touchedBy(member: MemberState, { upsert, remove }: ListChange): Set<string>[] {
    const first = this.views.findIndex((view) => view.member === member);
    const touched = this.views.map(() => new Set<string>());
    const view = this.views[first] as MemberView;
    const touch = (id: string, address: string | undefined): void => {
      for (let index = first; index < this.views.length; index++) {
        const ids = touched[index] as Set<string>;
        const later = this.views[index] as MemberView;
        if (index === first || later.member.list.get(id) !== undefined) ids.add(id);
        if (index > first && address !== undefined) for (const same of later.idsAt(address)) ids.add(same);
      }
    };
    for (const id of remove) touch(id, view.forget(id));
    for (const { instance, address } of upsert) {
      const before = view.forget(instance.id);
      if (before !== undefined && before !== address) touch(instance.id, before);
      view.note(instance.id, address);
      touch(instance.id, address);
    }
    return touched;
  }

  private placeOf(index: number, id: string): Place | undefined {
    const { member, places } = this.views[index] as MemberView;
    const listed = member.list.get(id);
    if (listed === undefined) return undefined;
    let taken = false;
    for (let earlier = 0; earlier < index; earlier++) {
      const other = this.views[earlier] as MemberView;
      if (other.has(listed.address)) return undefined;
      taken ||= other.member.list.get(id) !== undefined;
    }
    if (!taken) return { id, input: listed.input };
    const ownId = `${id}@${member.name}`;
    const before = places.get(id);
    // The same object as before where nothing changed: that is what tells it from a change.
    if (before?.id === ownId && this.sameButId(before.input, listed.input)) return before;
    return { id: ownId, input: { ...listed.input, id: ownId } };
  }

  private sameButId(one: Listed['input'], other: Listed['input']): boolean {
    return (
      one.url === other.url &&
      one.weight === other.weight &&
      one.priority === other.priority &&
      one.zone === other.zone &&
      one.metadata === other.metadata
    );
  }
}

/** One member as the union sees it. */
class MemberView {
  /** By the member's own ids. */
  readonly places = new Map<string, Place>();
  private readonly addressById = new Map<string, string>();
  private readonly idsByAddress = new Map<string, Set<string>>();

  constructor(readonly member: MemberState) {}

  has(address: string): boolean {
    return this.idsByAddress.has(address);
  }

  idsAt(address: string): Iterable<string> {
    return this.idsByAddress.get(address) ?? [];
  }

  note(id: string, address: string): void {
    this.addressById.set(id, address);
    const ids = this.idsByAddress.get(address);
    if (ids === undefined) this.idsByAddress.set(address, new Set([id]));
    else ids.add(id);
  }

  /** Returns the address that the id had. */
  forget(id: string): string | undefined {
    const address = this.addressById.get(id);
    if (address === undefined) return undefined;
    this.addressById.delete(id);
    const ids = this.idsByAddress.get(address);
    ids?.delete(id);
    if (ids?.size === 0) this.idsByAddress.delete(address);
    return address;
  }
}
