import { grown } from '../../core/grown.js';

/** Of the newest time, so much goes into a mean, unless it is said otherwise. */
const NEWEST = 1 / 16;
/** Twelve days. A server may report any number, and one that four bytes cannot hold would make the mean infinite for ever. */
const LONGEST_MS = 1e9;

/** How long something takes at each endpoint on average, by slot, in milliseconds. Four bytes an endpoint: seven digits are plenty. */
export class MeanTimes {
  private means: Float32Array = new Float32Array(4);

  constructor(private readonly newest = NEWEST) {}

  /** Another endpoint is in `slot`: nothing is known of it. */
  clear(slot: number): void {
    this.means = grown(this.means, slot + 1);
    this.means[slot] = 0;
  }

  learn(slot: number, ms: number): void {
    const mean = this.means[slot] as number;
    const newMs = Math.min(ms, LONGEST_MS);
    this.means[slot] = mean === 0 ? newMs : mean + (newMs - mean) * this.newest;
  }

  /** 0 for an endpoint of which nothing is known. */
  of(slot: number): number {
    return this.means[slot] as number;
  }
}
