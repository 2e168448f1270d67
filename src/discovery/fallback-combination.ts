import { type Combination, type CombinedNews, isAwaited } from './combination.js';
import type { MemberState } from './composite-member.js';
import type { ListChange } from './member-list.js';

/** When one member takes over from another. */
export interface FallbackTimes {
  readonly fallbackAfterMs: number;
  readonly returnAfterMs: number;
}

/**
 * The first member that has instances serves.
 *
 * Stepping to the next one is slow where the last list may still be right, and fast where there is nothing to lose.
 * The instances of a registry that fails go on working, so its list serves for `fallbackAfterMs` more; one that came
 * back empty is doubted first (member-list.ts); one that said live that nothing is left has nothing to serve. Stepping
 * back is slow always: a registry that comes and goes would otherwise take the traffic to and fro with it.
 */
export class FallbackCombination implements Combination {
  lookAgainAtMs = Number.POSITIVE_INFINITY;
  private active: MemberState | undefined = undefined;

  constructor(
    private readonly members: readonly MemberState[],
    private readonly times: FallbackTimes,
    private readonly switched: (from: string | undefined, to: string) => void,
  ) {}

  get serving(): string | undefined {
    return this.active?.name;
  }

  update(member: MemberState | undefined, change: ListChange | undefined, nowMs: number): CombinedNews | undefined {
    this.lookAgainAtMs = Number.POSITIVE_INFINITY;
    const before = this.active;
    const chosen = this.choose(nowMs);
    if (chosen === undefined) return undefined;
    if (chosen !== before) {
      this.active = chosen;
      this.switched(before?.name, chosen.name);
      // The first list is only what one source says. A later one is a decision, and nothing to be doubted any more.
      return { kind: 'list', instances: chosen.list.all().map(({ input }) => input), live: before !== undefined };
    }
    if (member !== chosen || change === undefined || chosen.isFailing) return undefined;
    return { kind: 'change', upsert: change.upsert.map(({ input }) => input), remove: change.remove };
  }

  /** The member that should serve now; undefined while none of them ever had anything, or an earlier one is awaited. */
  private choose(nowMs: number): MemberState | undefined {
    const { active } = this;
    const activeIsFit = active !== undefined && this.isFit(active, nowMs);
    for (const member of this.members) {
      if (active === undefined && isAwaited(member, nowMs)) {
        this.lookAgain(member.awaitedUntilMs);
        return undefined;
      }
      if (!this.isFit(member, nowMs)) continue;
      if (member === active || !activeIsFit) return member;
      // Earlier than the active one, or the loop would not have come here.
      const returnAtMs = (member.wellSinceMs ?? nowMs) + this.times.returnAfterMs;
      if (nowMs >= returnAtMs) return member;
      this.lookAgain(returnAtMs);
    }
    // An old list is better than none, and the one in use better than another.
    if (active?.hasInstances === true) return active;
    return this.members.find((member) => member.hasInstances) ?? active;
  }

  private isFit(member: MemberState, nowMs: number): boolean {
    if (!member.hasInstances) return false;
    if (member.failingSinceMs === undefined) return true;
    if (member !== this.active) return false;
    const endsAtMs = member.failingSinceMs + this.times.fallbackAfterMs;
    if (nowMs >= endsAtMs) return false;
    this.lookAgain(endsAtMs);
    return true;
  }

  private lookAgain(atMs: number | undefined): void {
    if (atMs !== undefined && atMs < this.lookAgainAtMs) this.lookAgainAtMs = atMs;
  }
}
