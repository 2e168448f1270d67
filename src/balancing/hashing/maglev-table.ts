import type { HashTable, Member } from './hash-table.js';

/**
 * The table of Maglev (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
 * section 3.4). Every endpoint has a permutation of the places of its own, and the endpoints take turns to take the
 * first place of theirs that is free, until none is left.
 *
 * Weights as Envoy does it: an endpoint sits a turn out until (turns so far) x weight has reached what it has had, so
 * the heaviest takes part in each turn, one of a third of its weight in each third. All take part in the first.
 * Envoy finds out who sits out by asking everyone each turn, which with one heavy endpoint among ten thousand light
 * ones is ten thousand questions a place. Here each endpoint is entered in a calendar under its next turn, so that
 * a turn costs work for those who take it. Within a turn the order may then be another than Envoy's.
 */
export class MaglevTable implements HashTable {
  readonly owners: Int32Array;

  /** @param size how many places; a prime number, so that every step leads through all of them. */
  constructor(
    members: readonly Member[],
    private readonly size: number,
  ) {
    this.owners = populated(members, size);
  }

  first(high: number): number {
    return (high >>> 0) % this.size;
  }

  /** Steps as wide as the key's second half says, so that the keys of one shut endpoint spread over all others. */
  next(place: number, low: number): number {
    const next = place + stepOf(low, this.size);
    return next < this.size ? next : next - this.size;
  }
}

const NOBODY = -1;

function populated(members: readonly Member[], size: number): Int32Array {
  const owners = new Int32Array(size).fill(NOBODY);
  const places = Int32Array.from(members, ({ high }) => (high >>> 0) % size);
  const steps = Int32Array.from(members, ({ low }) => stepOf(low, size));
  const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
  const turnsTaken = new Int32Array(members.length);
  const calendar = new Calendar(members.length, size);
  for (let index = 0; index < members.length; index++) calendar.enter(index, 1);
  let left = size;
  for (let turn = 1; left > 0; turn++) {
    for (let index = calendar.firstOf(turn); index !== NOBODY && left > 0; left--) {
      const { slot, weight } = members[index] as Member;
      const step = steps[index] as number;
      let place = places[index] as number;
      while (owners[place] !== NOBODY) {
        place += step;
        if (place >= size) place -= size;
      }
      owners[place] = slot;
      places[index] = place;
      const taken = (turnsTaken[index] as number) + 1;
      turnsTaken[index] = taken;
      const following = calendar.after(index);
      calendar.enter(index, Math.max(turn + 1, Math.ceil(taken * (heaviest / weight))));
      index = following;
    }
  }
  return owners;
}

/** From 1 to size - 1. */
function stepOf(low: number, size: number): number {
  return 1 + ((low >>> 0) % (size - 1));
}

/** Who is next in which turn: a list for each turn, in the order of the entries. */
class Calendar {
  private readonly firsts: Int32Array;
  private readonly lasts: Int32Array;
  private readonly followers: Int32Array;

  /** @param turns there can be no more of them than places, since the heaviest endpoint takes a place in each. */
  constructor(
    members: number,
    private readonly turns: number,
  ) {
    this.firsts = new Int32Array(turns + 1).fill(NOBODY);
    this.lasts = new Int32Array(turns + 1);
    this.followers = new Int32Array(members);
  }

  enter(index: number, turn: number): void {
    if (turn > this.turns) return;
    this.followers[index] = NOBODY;
    if (this.firsts[turn] === NOBODY) this.firsts[turn] = index;
    else this.followers[this.lasts[turn] as number] = index;
    this.lasts[turn] = index;
  }

  firstOf(turn: number): number {
    return this.firsts[turn] as number;
  }

  /** Who comes after `index` in the same turn. */
  after(index: number): number {
    return this.followers[index] as number;
  }
}
