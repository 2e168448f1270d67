import { MeanTimes } from './mean-times.js';

/**
 * Whether servers keep what their reports promise: an answer after (requests + 1) x service time.
 *
 * A report may be another service's, copied by a proxy, or wrong by its own fault; then answers take longer than it says,
 * and go on doing so. Such a server's reports count as much more as its answers take longer than promised. In simulations of
 * a fleet of which every second server's answers have the report of another service, requests took 5.5 service times
 * while every report was believed, 2.9 this way, and 4.0 with peak EWMA of two (docs/simulations/doubtful-reports.md).
 */

/** Means over some dozens of answers: what a single one takes is chance. */
const NEWEST = 1 / 32;
/** By so much the two means of an honest server differ by chance. Were less than that corrected, the chance would be added to each pick. */
const TOLERANCE = 1.5;

export class ReportTrust {
  private readonly promised = new MeanTimes(NEWEST);
  private readonly taken = new MeanTimes(NEWEST);

  /** Another endpoint is in `slot`: it is believed. */
  clear(slot: number): void {
    this.promised.clear(slot);
    this.taken.clear(slot);
  }

  /** The endpoint in `slot` answered after `takenMs`, and promises the next answer after `promisedMs`. */
  learn(slot: number, promisedMs: number, takenMs: number): void {
    // The first promise counts as kept, so that it takes several answers to doubt it.
    if (this.promised.of(slot) === 0) this.taken.learn(slot, promisedMs);
    this.promised.learn(slot, promisedMs);
    this.taken.learn(slot, takenMs);
  }

  /** By what a promise is to be multiplied: 1 for one that is believed. */
  doubt(slot: number): number {
    const bearableMs = this.promised.of(slot) * TOLERANCE;
    const takenMs = this.taken.of(slot);
    return bearableMs > 0 && takenMs > bearableMs ? takenMs / bearableMs : 1;
  }
}
