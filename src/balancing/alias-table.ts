import type { Random } from '../core/random.js';

/**
 * Draws slots in proportion to their shares, in the same few steps however many there are and however uneven they
 * are: Walker's alias method, made in linear time by Vose's algorithm ("A linear algorithm for generating random numbers
 * with a given distribution", 1991).
 *
 * Each place is as likely as the others. It stands for its own slot up to the chance `keep`, and for another one, its
 * alias, above: slots with less than the mean share leave the rest of their place to those with more.
 */
export class AliasTable {
  /** How many slots there are. */
  size = 0;
  /** By place: its own slot, and its alias. */
  pairs: Int32Array = new Int32Array(0);
  /** By place: the chance with which its own slot is drawn. */
  keep: Float64Array = new Float64Array(0);
  /** Places with less than the mean share from the front, those with as much or more from the back. */
  private sorted: Int32Array = new Int32Array(0);

  /** Makes the table of the first `count` of `slots`, whose shares stand in `shares` by slot, all above 0. */
  build(slots: Int32Array, count: number, shares: Float32Array | Float64Array): void {
    if (count > this.keep.length) {
      this.pairs = new Int32Array(count * 2);
      this.keep = new Float64Array(count);
      this.sorted = new Int32Array(count);
    }
    this.size = count;
    const { pairs, keep, sorted } = this;
    let sum = 0;
    for (let place = 0; place < count; place++) sum += shares[slots[place] as number] as number;
    const scale = count / sum;
    let little = 0;
    let much = count;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const share = (shares[slot] as number) * scale;
      pairs[place * 2] = slot;
      keep[place] = share;
      if (share < 1) sorted[little++] = place;
      else sorted[--much] = place;
    }
    // Until one kind is used up: what a place leaves goes to one that has more than it can hold.
    while (little > 0 && much < count) {
      const left = sorted[--little] as number;
      const rich = sorted[much] as number;
      pairs[left * 2 + 1] = pairs[rich * 2] as number;
      const rest = (keep[rich] as number) + (keep[left] as number) - 1;
      keep[rich] = rest;
      if (rest >= 1) continue;
      sorted[little++] = rich;
      much++;
    }
    // What is left of either kind has the mean share, but for the last digits.
    while (little > 0) this.fill(sorted[--little] as number);
    while (much < count) this.fill(sorted[much++] as number);
  }

  draw(random: Random): number {
    const drawn = random.next() * this.size;
    const place = drawn | 0;
    // An if in disguise: see lowest-cost.ts.
    return this.pairs[2 * place - -(drawn - place >= (this.keep[place] as number))] as number;
  }

  private fill(place: number): void {
    this.keep[place] = 1;
    this.pairs[place * 2 + 1] = this.pairs[place * 2] as number;
  }
}
