import type { Clock } from '../../core/clock.js';

/** The longest queue that the histogram tells from longer ones. */
const LONGEST = 255;

/** What one endpoint had to do since measuring began. */
export class LoadLog {
  /** Requests that arrived. */
  received = 0;
  /** Requests that it worked for to the end. */
  answered = 0;
  /** Requests that it turned down: failed on purpose, or found the queue full. */
  refused = 0;
  private stopped = false;
  private sinceMs = 0;
  private lastMs = 0;
  private busyMs = 0;
  private inSystemMs = 0;
  /** For how long it had so many requests, by their number. */
  private readonly lengthMs = new Float64Array(LONGEST + 1);

  constructor(
    private readonly clock: Clock,
    private readonly workers: number,
  ) {}

  /** The numbers of its requests are about to change from these. */
  note(inSystem: number, working: number): void {
    if (this.stopped) return;
    const nowMs = this.clock.now();
    const passedMs = nowMs - this.lastMs;
    this.lastMs = nowMs;
    this.busyMs += passedMs * working;
    this.inSystemMs += passedMs * inSystem;
    const place = Math.min(inSystem, LONGEST);
    this.lengthMs[place] = (this.lengthMs[place] as number) + passedMs;
  }

  /** Forgets what was. */
  restart(): void {
    this.sinceMs = this.lastMs = this.clock.now();
    this.busyMs = this.inSystemMs = this.received = this.answered = this.refused = 0;
    this.lengthMs.fill(0);
  }

  /** Ends what is measured over time; requests count on. */
  stop(inSystem: number, working: number): void {
    this.note(inSystem, working);
    this.stopped = true;
  }

  /** The share of the workers' time that was work. */
  get utilization(): number {
    return this.share(this.busyMs) / this.workers;
  }

  /** The time that its workers have worked, in milliseconds, up to the last change. */
  get workedMs(): number {
    return this.busyMs / this.workers;
  }

  /** How many requests it had, on average over time. */
  get meanInSystem(): number {
    return this.share(this.inSystemMs);
  }

  /** Adds for how long it had `i` requests to `sums[i]`. */
  addLengths(sums: Float64Array): void {
    for (let length = 0; length <= LONGEST; length++) sums[length] = (sums[length] as number) + (this.lengthMs[length] as number);
  }

  private share(ms: number): number {
    const passedMs = this.lastMs - this.sinceMs;
    return passedMs === 0 ? 0 : ms / passedMs;
  }
}

/** Makes what `addLengths` adds to. */
export function noLengths(): Float64Array {
  return new Float64Array(LONGEST + 1);
}
