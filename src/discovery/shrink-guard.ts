import type { Clock, Timer } from '../core/clock.js';

/**
 * Does not believe a list at once that lost most of its endpoints.
 *
 * Registries come back empty from restarts, answer from a replica that has not caught up, or lose a whole zone's
 * heartbeats in a partition, while the instances go on working. Taking such a list at its word turns a fault of
 * the registry into an outage of everything that asks it; keeping an instance that is gone costs a retry, since
 * the breaker and the next endpoint deal with it. Eureka's self-preservation (renewals under 85 %) and Finagle's
 * StabilizingAddr rest on the same bargain. So removals of a list that was only asked for wait for `holdMs`, and
 * then happen if the newest list still says so; a change that was seen live is never doubted.
 */

/** Below this many endpoints, losing more than half is an everyday change: one of two, two of three. */
const SMALLEST_HALVED = 4;

/** A list that is not believed for the time being. */
export interface HeldList {
  /** How many endpoints there were when the doubt began. */
  readonly from: number;
  /** How many the doubted list has. */
  readonly to: number;
  /** The ids of the endpoints that would go. */
  readonly removing: ReadonlySet<string>;
  /** When they will go unless a better list comes, by the mesh's clock. */
  readonly untilMs: number;
}

export class ShrinkGuard {
  private list: { from: number; to: number; removing: Set<string>; untilMs: number } | undefined;
  private timer: Timer | undefined;

  /** `onExpired` is told that the hold is over; it takes what `expired` gives. */
  constructor(
    private readonly clock: Clock,
    private readonly holdMs: number,
    private readonly onExpired: () => void,
  ) {}

  get held(): HeldList | undefined {
    return this.list;
  }

  /** Whether the removals of a list of `count` endpoints, where there are `current` now, have to wait. */
  doubts(count: number, current: number): boolean {
    const from = this.list?.from ?? current;
    const shrinks = count === 0 ? from > 0 : from >= SMALLEST_HALVED && count * 2 < from;
    return shrinks && !this.isOver();
  }

  /** Holds removals back. True if that begins now; the end of a hold under way is not put off by newer lists. */
  hold(removing: Iterable<string>, count: number, current: number): boolean {
    if (this.list !== undefined) {
      this.list.removing = new Set(removing);
      this.list.to = count;
      return false;
    }
    this.list = { from: current, to: count, removing: new Set(removing), untilMs: this.clock.now() + this.holdMs };
    this.timer = this.clock.setTimer(this.onExpired, this.holdMs);
    this.timer.unref();
    return true;
  }

  /** An endpoint was named again: it stays. */
  spare(id: string): void {
    this.list?.removing.delete(id);
  }

  /** Whether a hold lasted its time. It then waits for nothing but a word from the source. */
  private isOver(): boolean {
    return this.list !== undefined && this.clock.now() >= this.list.untilMs;
  }

  /** Ends the hold, believing what was said since. Returns the ids that were held. */
  end(): Iterable<string> {
    const removing = this.list?.removing ?? [];
    this.list = undefined;
    this.timer?.cancel();
    this.timer = undefined;
    return removing;
  }
}
