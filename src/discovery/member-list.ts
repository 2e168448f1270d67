import type { Clock } from '../core/clock.js';
import type { InstanceInput } from '../core/discovery.js';
import type { Instance } from '../core/endpoint.js';
import { addressOf, idOfEntry, likelyId, parseInstance, sameAddress, saysTheSame } from './instance.js';
import { ShrinkGuard } from './shrink-guard.js';
import { SkipReports } from './skip-reports.js';

/** One instance of a member's list: checked, and in the words of a source. */
export interface Listed {
  readonly instance: Instance;
  /** Where it is reached, as one text: what tells whether two members mean the same. */
  readonly address: string;
  readonly input: Exclude<InstanceInput, string>;
}

/** What a list became: only what is different. */
export interface ListChange {
  readonly upsert: readonly Listed[];
  readonly remove: readonly string[];
}

/** What a list of a member needs. */
export interface MemberListInit {
  readonly clock: Clock;
  readonly holdMs: number;
  /** Which instances count. */
  matches(instance: Instance): boolean;
  /** An entry cannot be used. */
  skipped(entry: string, reason: string): void;
  /** A list looked like a mistake; its removals wait. */
  held(from: number, to: number, forMs: number): void;
  /** The wait is over: `endHold` gives what came of it. */
  holdOver(): void;
}

interface Entry {
  listed: Listed;
  instance: Instance;
  /** The URL as the source wrote it. */
  url: string;
  namedIn: number;
}

/**
 * What one member of a composite says about one service, by id, with the instances left out that do not count.
 *
 * The doubts about a list that lost most of itself (shrink-guard.ts) are those about this member: taken together
 * with the others' instances, a registry that came back empty might look like a small change, and the step from
 * one member to the next like a mistake.
 */
export class MemberList {
  private readonly entries = new Map<string, Entry>();
  private readonly guard: ShrinkGuard;
  private readonly skips: SkipReports;
  private change = 0;
  /** Instances that the change under way has named so far. */
  private named = 0;

  constructor(private readonly init: MemberListInit) {
    this.guard = new ShrinkGuard(init.clock, init.holdMs, () => init.holdOver());
    this.skips = new SkipReports((entry, reason) => init.skipped(entry, reason));
  }

  get size(): number {
    return this.entries.size;
  }

  /** How many of the instances are there although the newest list does not have them. */
  get heldCount(): number {
    return this.guard.held?.removing.size ?? 0;
  }

  get(id: string): Listed | undefined {
    return this.entries.get(id)?.listed;
  }

  all(): Listed[] {
    return Array.from(this.entries.values(), ({ listed }) => listed);
  }

  /** Takes in a whole list: additions and changes at once, removals unless they are doubted. */
  snapshot(inputs: readonly InstanceInput[], live: boolean): ListChange {
    const upsert: Listed[] = [];
    const remove: string[] = [];
    let believed = live;
    this.change++;
    this.named = 0;
    this.skips.beginList();
    let before = this.entries.size;
    for (const input of inputs) {
      const outcome = this.take(input, upsert);
      // A list with a mistake in it may be wrong as a whole.
      if (outcome === undefined) believed = false;
      else if (!outcome.counts && this.entries.delete(outcome.id)) {
        // It is there and says itself that it does not count any more: nothing to doubt.
        remove.push(outcome.id);
        before--;
      }
    }
    const gone = this.unnamed();
    const { named } = this;
    if (gone.length > 0 && !believed && this.guard.doubts(named, before)) {
      if (this.guard.hold(gone, named, before)) this.init.held(before, named, this.init.holdMs);
    } else {
      this.guard.end();
      this.removeAll(gone, remove);
    }
    return { upsert, remove };
  }

  /** Takes in a change that was seen as it happened. */
  patch(inputs: readonly InstanceInput[], ids: readonly string[]): ListChange {
    const upsert: Listed[] = [];
    const removed = new Set<string>();
    this.change++;
    this.skips.beginChange();
    for (const id of ids) if (this.entries.delete(id)) removed.add(id);
    for (const input of inputs) {
      const outcome = this.take(input, upsert);
      if (outcome?.counts === true) {
        this.guard.spare(outcome.id);
        removed.delete(outcome.id);
        continue;
      }
      const id = outcome?.id ?? idOfEntry(input);
      if (id !== undefined && this.entries.get(id)?.namedIn !== this.change && this.entries.delete(id)) removed.add(id);
    }
    return { upsert, remove: [...removed] };
  }

  /** Ends a hold: what it kept goes. */
  endHold(): ListChange {
    const remove: string[] = [];
    this.removeAll(this.guard.end(), remove);
    return { upsert: [], remove };
  }

  /** Lets go of the timer. */
  close(): void {
    this.guard.end();
  }

  /** The id of the entry and whether it counts, or undefined for one that cannot be used. */
  private take(input: InstanceInput, upsert: Listed[]): { readonly id: string; readonly counts: boolean } | undefined {
    const guess = likelyId(input);
    const known = guess === undefined ? undefined : this.entries.get(guess);
    if (known !== undefined && guess !== undefined && saysTheSame(known, known.url, input)) {
      if (known.namedIn !== this.change) this.named++;
      known.namedIn = this.change;
      return { id: guess, counts: true };
    }
    let instance: Instance;
    try {
      instance = parseInstance(input);
      this.refuseDouble(instance);
      if (!this.init.matches(instance)) return { id: instance.id, counts: false };
    } catch (error) {
      this.skips.skip(input, error instanceof Error ? error.message : String(error));
      return undefined;
    }
    const listed = listedOf(instance);
    if (this.entries.get(instance.id)?.namedIn !== this.change) this.named++;
    this.entries.set(instance.id, { listed, instance, url: typeof input === 'string' ? input : input.url, namedIn: this.change });
    upsert.push(listed);
    return { id: instance.id, counts: true };
  }

  private refuseDouble(instance: Instance): void {
    const entry = this.entries.get(instance.id);
    if (entry?.namedIn !== this.change || sameAddress(entry.instance, instance)) return;
    throw new Error(`the list has another instance with the id '${instance.id}'`);
  }

  private unnamed(): string[] {
    const ids: string[] = [];
    for (const [id, { namedIn }] of this.entries) if (namedIn !== this.change) ids.push(id);
    return ids;
  }

  private removeAll(ids: Iterable<string>, removed: string[]): void {
    for (const id of ids) if (this.entries.delete(id)) removed.push(id);
  }
}

function listedOf(instance: Instance): Listed {
  const { id, weight, priority, zone, metadata } = instance;
  const address = addressOf(instance);
  return { instance, address, input: { url: address, id, weight, priority, zone, metadata } };
}
