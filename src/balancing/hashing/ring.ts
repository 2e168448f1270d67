import { mixed } from './hash.js';
import type { HashTable, Member } from './hash-table.js';

/**
 * A ring of hashes (Karger et al., "Consistent Hashing and Random Trees", 1997): every endpoint has many points on a
 * ring of 2^32, and a key belongs to the endpoint of the next point. The points of an endpoint depend on its id and
 * weight alone, so one that goes leaves all others where they were.
 *
 * The points are evenly spread, so no sorting by comparison and no binary search is needed: the ring is cut into arcs
 * of about four points, points are put straight into their arc and ordered within it, and a lookup begins at the arc.
 */
export class Ring implements HashTable {
  readonly owners: Int32Array;
  private readonly positions: Uint32Array;
  /** Where the points of each arc begin. */
  private readonly arcs: Int32Array;
  /** How many bits of a position to drop for its arc. */
  private readonly shift: number;

  /** @param pointsPerWeight how many points for a weight of 1. */
  constructor(members: readonly Member[], pointsPerWeight: number) {
    const counts = pointCounts(members, pointsPerWeight);
    const unordered = positionsOf(members, counts);
    const arcBits = Math.max(1, Math.ceil(Math.log2(unordered.length)) - 2);
    this.shift = 32 - arcBits;
    this.arcs = arcsOf(unordered, arcBits);
    this.owners = new Int32Array(unordered.length);
    this.positions = new Uint32Array(unordered.length);
    this.place(members, counts, unordered);
    this.order();
  }

  first(high: number): number {
    const { positions } = this;
    const position = high >>> 0;
    let place = this.arcs[position >>> this.shift] as number;
    while (place < positions.length && (positions[place] as number) < position) place++;
    return place < positions.length ? place : 0;
  }

  next(place: number): number {
    return place + 1 < this.owners.length ? place + 1 : 0;
  }

  /** Puts each point into its arc. */
  private place(members: readonly Member[], counts: Int32Array, unordered: Uint32Array): void {
    const { owners, positions, shift } = this;
    const free = this.arcs.slice();
    let point = 0;
    members.forEach(({ slot }, index) => {
      for (const end = point + (counts[index] as number); point < end; point++) {
        const position = unordered[point] as number;
        const place = free[position >>> shift] as number;
        free[position >>> shift] = place + 1;
        owners[place] = slot;
        positions[place] = position;
      }
    });
  }

  /** Sorts by insertion: no point has more than the few of its arc to pass. Of two at one position the first stays first. */
  private order(): void {
    const { owners, positions } = this;
    for (let place = 1; place < positions.length; place++) {
      const position = positions[place] as number;
      const owner = owners[place] as number;
      let at = place;
      for (; at > 0 && (positions[at - 1] as number) > position; at--) {
        positions[at] = positions[at - 1] as number;
        owners[at] = owners[at - 1] as number;
      }
      positions[at] = position;
      owners[at] = owner;
    }
  }
}

/** More points than this are never made: 18 MiB, and a rebuild of more than a tenth of a second. Room for 160 each of 13,000 endpoints. */
const MAX_POINTS = 2 ** 21;

/**
 * How many points each endpoint gets. If they would be too many, all get half as many, or a fourth and so on, and
 * keep the first of theirs: a factor that followed the sum of the weights would move points with every change of it.
 */
function pointCounts(members: readonly Member[], pointsPerWeight: number): Int32Array {
  for (let perWeight = pointsPerWeight; ; perWeight /= 2) {
    let total = 0;
    let fewest = true;
    const counts = Int32Array.from(members, ({ weight }) => {
      const count = Math.max(1, Math.round(Math.min(weight * perWeight, MAX_POINTS)));
      total += count;
      if (count > 1) fewest = false;
      return count;
    });
    if (total <= MAX_POINTS || fewest) return counts;
  }
}

/**
 * The positions of all points, endpoint after endpoint: the number of the point mixed into the one half of the
 * endpoint's hash, and the other half mixed into that.
 */
function positionsOf(members: readonly Member[], counts: Int32Array): Uint32Array {
  const positions = new Uint32Array(counts.reduce((sum, count) => sum + count, 0));
  let next = 0;
  members.forEach(({ high, low }, index) => {
    const count = counts[index] as number;
    for (let point = 0; point < count; point++) positions[next++] = mixed((mixed(high ^ point) + low) | 0);
  });
  return positions;
}

/** Where the points of each of 2^arcBits arcs begin, and at last where those of the last one end. */
function arcsOf(positions: Uint32Array, arcBits: number): Int32Array {
  const arcs = new Int32Array(2 ** arcBits + 1);
  for (let point = 0; point < positions.length; point++) {
    const following = ((positions[point] as number) >>> (32 - arcBits)) + 1;
    arcs[following] = (arcs[following] as number) + 1;
  }
  for (let arc = 1; arc < arcs.length; arc++) arcs[arc] = (arcs[arc] as number) + (arcs[arc - 1] as number);
  return arcs;
}
