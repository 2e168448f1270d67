import type { PickableView } from '../core/endpoint-view.js';
import type { Random } from '../core/random.js';

/**
 * Takes endpoints in turn, each as often as its share says: a static stride scheduler (gRFC A58), which has no queue
 * and no table. It walks round after round over the endpoints that can be picked, and one whose share is half of the
 * largest sits out every second round. Endpoint i takes round r if r * stride(i) + phase(i), counted modulo 2^32, is
 * about to overflow, where the stride is the share in units of the largest / 2^32. So its picks are as evenly spread
 * over the rounds as whole numbers can be (Bresenham's line). gRPC counts modulo 2^16 - 1; 2^32 is free, since a 32-bit
 * multiplication wraps by itself.
 *
 * A turn looks at largest / mean endpoints on average. Since it walks over the places of the view, an endpoint that
 * comes, goes, is shut or opens costs nothing here: when one leaves, the last one takes its place and may in that round
 * be met twice or not at all.
 */

/** 2^32 over the golden ratio: phases that many apart are spread evenly, however many there are (Knuth, vol. 3, 6.4). */
const GOLDEN = 0x9e3779b9;
const WRAP = 2 ** 32;

export class StrideScheduler {
  private place = -1;
  private round = 0;
  /** The share that takes every round. Raised when a larger one is met, lowered when a whole round is sat out. */
  private largest = 0;

  constructor(private readonly random: Random) {}

  /** The slot after the last one, whatever its share. At least one endpoint must be pickable. */
  following({ slots, count }: PickableView): number {
    this.advance(count);
    return slots[this.place] as number;
  }

  /** The slot whose turn it is, by the shares of the slots. At least one endpoint must be pickable; one whose share is not above 0 has no turn. */
  next(view: PickableView, shares: Float64Array): number {
    const { slots, count } = view;
    this.advance(count);
    for (let skipped = 0; ; skipped++) {
      // Whoever has the largest share sits out no round: a whole round of skips means that it is shut, gone or smaller.
      if (skipped === count || this.largest === 0) this.largest = largestOf(view, shares);
      const slot = slots[this.place] as number;
      const share = shares[slot] as number;
      if (share >= this.largest) {
        this.largest = share;
        return slot;
      }
      const stride = (share / this.largest) * WRAP;
      const turn = (Math.imul(this.round, stride) + Math.imul(this.place, GOLDEN)) >>> 0;
      // Were there no share above 0 at all, anybody is better than a search without an end.
      if (turn + stride >= WRAP || skipped > 2 * count) return slot;
      this.advance(count);
    }
  }

  /** All shares are new. */
  reset(): void {
    this.largest = 0;
  }

  /** From anywhere, so that a thousand clients that start at once do not all begin with the same endpoint. */
  private advance(count: number): void {
    if (this.place < 0) {
      this.place = (this.random.next() * count) | 0;
      this.round = (this.random.next() * WRAP) | 0;
    } else if (++this.place >= count) {
      this.place = 0;
      this.round = (this.round + 1) | 0;
    }
  }
}

function largestOf({ slots, count }: PickableView, shares: Float64Array): number {
  let largest = 0;
  for (let place = 0; place < count; place++) {
    const share = shares[slots[place] as number] as number;
    if (share > largest) largest = share;
  }
  return largest;
}
