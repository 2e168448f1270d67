import type { PickableView } from '../../core/endpoint-view.js';
import { hashText } from './hash.js';

/** The contract of a table that leads from the hash of a key to an endpoint, and on to others if that one has no room. */

export interface HashTable {
  /** The slot of the endpoint at each place. */
  readonly owners: Int32Array;
  /** The place where the walk of a key begins. */
  first(high: number): number;
  /** The place after `place` on the walk of a key. */
  next(place: number, low: number): number;
}

/** An endpoint as a table sees it. */
export interface Member {
  readonly slot: number;
  readonly id: string;
  readonly weight: number;
  /** The hash of its id. */
  readonly high: number;
  readonly low: number;
}

/** Apart from the hash of a key, so that a key which is an endpoint's id means nothing special. */
const MEMBER_SEED = 0x5bd1e995;

/**
 * The endpoints of a priority, pickable or not, in an order that is the same in every process, whatever the order in
 * which the registry named them: their identity is their id, and the hash of that alone decides.
 */
export function membersOf(view: PickableView, priority: number): Member[] {
  const members: Member[] = [];
  const hash = new Int32Array(2);
  for (const { slot, instance } of view) {
    if (instance.priority !== priority) continue;
    const { id, weight } = instance;
    hashText(id, 0, id.length, MEMBER_SEED, hash);
    members.push({ slot, id, weight, high: hash[0] as number, low: hash[1] as number });
  }
  return members.sort((a, b) => a.high - b.high || a.low - b.low || (a.id < b.id ? -1 : 1));
}
