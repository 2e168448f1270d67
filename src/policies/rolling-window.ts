/**
 * Successes and failures of the last while, in ten buckets that expire by the clock (the design of Hystrix's
 * rolling statistics). A window that moves only when something is counted would still hold yesterday's
 * failures at the first request of today; cockatiel's sampling breaker does.
 *
 * It covers between nine and ten tenths of its time. Plain numbers in one array, since an endpoint has one of
 * these and there may be thousands.
 */
export class RollingWindow {
  successes = 0;
  failures = 0;
  private readonly bucketMs: number;
  /** Successes and failures in turn, for each bucket. */
  private readonly counts: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
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
    this.counts[place] = (this.counts[place] as number) + 1;
    this.successes++;
  }

  failure(nowMs: number): void {
    const place = this.expire(nowMs) + 1;
    this.counts[place] = (this.counts[place] as number) + 1;
    this.failures++;
  }

  /** What was counted as a success turned out to be a failure after all: the newest success becomes one. */
  recant(nowMs: number): void {
    this.expire(nowMs);
    if (this.successes > 0) {
      let bucket = this.current;
      while (this.counts[placeOf(bucket)] === 0) bucket--;
      const place = placeOf(bucket);
      this.counts[place] = (this.counts[place] as number) - 1;
      this.successes--;
    }
    this.failure(nowMs);
  }

  clear(): void {
    this.counts.fill(0);
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
      else for (let i = 0; i < passed; i++) this.empty(placeOf(bucket - i));
    }
    return placeOf(this.current);
  }

  private empty(place: number): void {
    this.successes -= this.counts[place] as number;
    this.failures -= this.counts[place + 1] as number;
    this.counts[place] = 0;
    this.counts[place + 1] = 0;
  }
}

const BUCKETS = 10;

function placeOf(bucket: number): number {
  return 2 * (bucket % BUCKETS);
}
