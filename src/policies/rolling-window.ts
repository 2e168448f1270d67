/**
 * Successes and failures of the last while, in ten buckets that expire by the clock (the design of Hystrix's
 * rolling statistics). A window that moves only when something is counted would still hold yesterday's
 * failures at the first request of today; cockatiel's sampling breaker does.
 *
 * It covers between nine and ten tenths of its time. Plain numbers in arrays, and one for failures only where there
 * are any, since an endpoint has one of these and there may be thousands.
 */
export class RollingWindow {
  successes = 0;
  failures = 0;
  private readonly bucketMs: number;
  private readonly successCounts: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  private failureCounts: number[] | undefined = undefined;
  /** The bucket that is filled now, counted from the start of the clock. */
  private current = 0;

  constructor(windowMs: number) {
    this.bucketMs = windowMs / BUCKETS;
  }

  get total(): number {
    return this.successes + this.failures;
  }

  success(nowMs: number): void {
    const place = this.expire(nowMs);
    this.successCounts[place] = (this.successCounts[place] as number) + 1;
    this.successes++;
  }

  failure(nowMs: number): void {
    const place = this.expire(nowMs);
    this.failureCounts ??= [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    this.failureCounts[place] = (this.failureCounts[place] as number) + 1;
    this.failures++;
  }

  /** What was counted as a success turned out to be a failure after all: the newest success becomes one. */
  recant(nowMs: number): void {
    this.expire(nowMs);
    if (this.successes > 0) {
      let bucket = this.current;
      while (this.successCounts[bucket % BUCKETS] === 0) bucket--;
      const place = bucket % BUCKETS;
      this.successCounts[place] = (this.successCounts[place] as number) - 1;
      this.successes--;
    }
    this.failure(nowMs);
  }

  clear(): void {
    this.successCounts.fill(0);
    this.failureCounts = undefined;
    this.successes = 0;
    this.failures = 0;
  }

  /** Empties the buckets whose time is over, and returns the place of the current one. */
  expire(nowMs: number): number {
    const bucket = Math.floor(nowMs / this.bucketMs);
    const passed = bucket - this.current;
    if (passed > 0) {
      this.current = bucket;
      if (passed >= BUCKETS) this.clear();
      else for (let i = 0; i < passed; i++) this.empty((bucket - i) % BUCKETS);
    }
    return this.current % BUCKETS;
  }

  private empty(place: number): void {
    this.successes -= this.successCounts[place] as number;
    this.successCounts[place] = 0;
    if (this.failureCounts === undefined) return;
    this.failures -= this.failureCounts[place] as number;
    this.failureCounts[place] = 0;
  }
}

const BUCKETS = 10;
