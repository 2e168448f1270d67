import type { MemberState } from './composite-member.js';
import type { ListChange, Listed } from './member-list.js';

/** What a composite says next: a whole list, or a change of the one it gave before. */
export type CombinedNews =
  | { readonly kind: 'list'; readonly instances: readonly Listed['input'][]; readonly live: boolean }
  | { readonly kind: 'change'; readonly upsert: readonly Listed['input'][]; readonly remove: readonly string[] };

/** How the lists of members become one. */
export interface Combination {
  /**
   * Takes in what changed at a member (undefined: time went by) and returns what that means for the whole, or
   * undefined where it means nothing.
   */
  update(member: MemberState | undefined, change: ListChange | undefined, nowMs: number): CombinedNews | undefined;
  /** When to look again although nobody said anything, by the mesh's clock; Infinity for never. */
  readonly lookAgainAtMs: number;
  /** The name of the one member whose instances serve, where it is one. */
  readonly serving: string | undefined;
}

/** Whether a member may yet say its first word in time. */
export function isAwaited(member: MemberState, nowMs: number): boolean {
  const { awaitedUntilMs } = member;
  return awaitedUntilMs !== undefined && nowMs < awaitedUntilMs;
}
