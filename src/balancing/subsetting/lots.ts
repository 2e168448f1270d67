import { mixed } from '../hashing/hash.js';

/**
 * Which places of a list each of many clients should use, so that every place is used equally often and a change of the
 * list changes little: the idea of Rocksteadier (Ward, "Reinventing Backend Subsetting at Google", ACM Queue 20(5), 2022).
 *
 * Clients and places are taken in lots of ten. The lots of places stand on a ring, in the order of the binary van der
 * Corput sequence, in which a new lot goes into the largest gap and none has to move. A lot of clients starts at its
 * own point of the same sequence and goes around; from each lot of places that it comes to, every client of it takes
 * one, each another, by a permutation that belongs to the two lots. Each full turn gives the next ones.
 *
 * So what one client is to take is a walk over all places, of which it uses as many as it needs. A place that nobody
 * is at is passed over, and costs one more step for the clients that would have been there, and nothing for others.
 */

/** Clients and places to a lot: as many as the paper found enough to keep clients of a lot apart. */
const LOT = 10;
const GOLDEN = 0x9e3779b9;

/** The walk of one client. */
export class LotWalk {
  private readonly clientLot: number;
  private readonly seat: number;
  private readonly order = new Int32Array(LOT);
  private ring: readonly number[] = [];

  /** @param client its number among all clients, from 0 */
  constructor(client: number) {
    this.clientLot = Math.floor(client / LOT);
    this.seat = client % LOT;
  }

  /** Visits all of `total` places, each once, until `visit` says that it was enough. */
  over(total: number, visit: (place: number) => boolean): void {
    const lots = Math.ceil(total / LOT);
    if (this.ring.length !== lots) this.ring = ringOf(lots);
    const { ring, clientLot } = this;
    const start = startOn(ring, inverse(clientLot));
    for (let turn = 0; turn < LOT; turn++) {
      for (let step = 0; step < lots; step++) {
        const lot = ring[(start + step) % lots] as number;
        const place = lot * LOT + this.permuted(lot, (this.seat + turn) % LOT);
        if (place < total && visit(place)) return;
      }
    }
  }

  /** Where the permutation that belongs to the clients' lot and `lot` puts `seat`. */
  private permuted(lot: number, seat: number): number {
    const { order } = this;
    for (let index = 0; index < LOT; index++) order[index] = index;
    let state = mixed(Math.imul(this.clientLot + 1, GOLDEN) ^ mixed(lot + 1));
    for (let last = LOT - 1; last > 0; last--) {
      state = mixed((state + GOLDEN) | 0);
      const other = (state >>> 0) % (last + 1);
      const held = order[last] as number;
      order[last] = order[other] as number;
      order[other] = held;
    }
    return order[seat] as number;
  }
}

function ringOf(lots: number): number[] {
  return Array.from({ length: lots }, (_, lot) => lot).sort((one, other) => inverse(one) - inverse(other));
}

/** The first lot of the ring at `point` or after it. */
function startOn(ring: readonly number[], point: number): number {
  let low = 0;
  let high = ring.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (inverse(ring[middle] as number) < point) low = middle + 1;
    else high = middle;
  }
  return low === ring.length ? 0 : low;
}

/** The van der Corput sequence: the bits of a number after the point, in reverse; in units of 2^-32. */
function inverse(index: number): number {
  let bits = index;
  bits = ((bits >>> 1) & 0x55555555) | ((bits & 0x55555555) << 1);
  bits = ((bits >>> 2) & 0x33333333) | ((bits & 0x33333333) << 2);
  bits = ((bits >>> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4);
  bits = ((bits >>> 8) & 0x00ff00ff) | ((bits & 0x00ff00ff) << 8);
  return ((bits >>> 16) | (bits << 16)) >>> 0;
}
