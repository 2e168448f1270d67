/**
 * Sessions by the hash of their key, of which those used longest ago are forgotten when there are too many.
 *
 * All of it stands in typed arrays, an entry's numbers at its index in each: no object to a session, nothing allocated
 * by looking one up, 48 bytes for each, and memory that grows by doubling up to the bound and no further. The keys
 * themselves are not kept, since they may be secrets. Two keys with the same 64 bits would share an entry, which merely
 * sends two sessions to one endpoint.
 */

/** No entry, and no endpoint. */
export const NONE = -1;

const FIRST_CAPACITY = 64;

export class SessionTable {
  /** How many sessions there are. */
  size = 0;
  /** When a session was last used. */
  usedMs = new Float64Array(0);
  /** The slot of the endpoint that a session belongs to, or NONE, and how often the slot had changed hands. */
  home = new Int32Array(0);
  homeEpoch = new Int32Array(0);
  /** The same for the one that stands in for it. */
  standIn = new Int32Array(0);
  standInEpoch = new Int32Array(0);
  private high = new Int32Array(0);
  private low = new Int32Array(0);
  /** The entry after this one in the same bucket; of one that is free, the next that is. */
  private following = new Int32Array(0);
  /** Neighbours by time of use. */
  private older = new Int32Array(0);
  private newer = new Int32Array(0);
  /** The first entry of each bucket. As many as there can be entries or more, a power of two. */
  private buckets = new Int32Array(0);
  private free = NONE;
  private oldest = NONE;
  private newest = NONE;

  constructor(private readonly limit: number) {}

  /** The entry of a key, or NONE. */
  find(high: number, low: number): number {
    const { buckets } = this;
    if (buckets.length === 0) return NONE;
    let entry = buckets[high & (buckets.length - 1)] as number;
    while (entry !== NONE && (this.high[entry] !== high || this.low[entry] !== low)) entry = this.following[entry] as number;
    return entry;
  }

  /** A session was used. */
  touch(entry: number, nowMs: number): void {
    this.usedMs[entry] = nowMs;
    if (entry === this.newest) return;
    this.unlink(entry);
    this.link(entry);
  }

  /** Makes an entry for a key that has none; in place of the oldest if there is no room. It has no endpoints yet. */
  insert(high: number, low: number, nowMs: number): number {
    if (this.free === NONE) {
      if (this.high.length < this.limit) this.grow();
      else this.remove(this.oldest);
    }
    const entry = this.free;
    this.free = this.following[entry] as number;
    this.high[entry] = high;
    this.low[entry] = low;
    this.home[entry] = NONE;
    this.standIn[entry] = NONE;
    this.usedMs[entry] = nowMs;
    this.enterBucket(entry);
    this.link(entry);
    this.size++;
    return entry;
  }

  /** Forgets the two oldest sessions if they were last used before `sinceMs`. Called at each insertion, that keeps up. */
  expire(sinceMs: number): void {
    for (let times = 0; times < 2 && this.oldest !== NONE && (this.usedMs[this.oldest] as number) <= sinceMs; times++)
      this.remove(this.oldest);
  }

  private remove(entry: number): void {
    const bucket = (this.high[entry] as number) & (this.buckets.length - 1);
    const next = this.following[entry] as number;
    let before = this.buckets[bucket] as number;
    if (before === entry) this.buckets[bucket] = next;
    else {
      while (this.following[before] !== entry) before = this.following[before] as number;
      this.following[before] = next;
    }
    this.unlink(entry);
    this.following[entry] = this.free;
    this.free = entry;
    this.size--;
  }

  private enterBucket(entry: number): void {
    const bucket = (this.high[entry] as number) & (this.buckets.length - 1);
    this.following[entry] = this.buckets[bucket] as number;
    this.buckets[bucket] = entry;
  }

  /** Puts it at the end of those last used. */
  private link(entry: number): void {
    this.older[entry] = this.newest;
    this.newer[entry] = NONE;
    if (this.newest === NONE) this.oldest = entry;
    else this.newer[this.newest] = entry;
    this.newest = entry;
  }

  private unlink(entry: number): void {
    const older = this.older[entry] as number;
    const newer = this.newer[entry] as number;
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
  }

  /** There is no free entry: all of them move, and the buckets are filled anew. */
  private grow(): void {
    const had = this.high.length;
    const capacity = Math.min(this.limit, Math.max(FIRST_CAPACITY, had * 2));
    const enlarged = (array: Int32Array) => {
      const larger = new Int32Array(capacity);
      larger.set(array);
      return larger;
    };
    this.high = enlarged(this.high);
    this.low = enlarged(this.low);
    this.home = enlarged(this.home);
    this.homeEpoch = enlarged(this.homeEpoch);
    this.standIn = enlarged(this.standIn);
    this.standInEpoch = enlarged(this.standInEpoch);
    this.following = enlarged(this.following);
    this.older = enlarged(this.older);
    this.newer = enlarged(this.newer);
    const usedMs = new Float64Array(capacity);
    usedMs.set(this.usedMs);
    this.usedMs = usedMs;
    this.buckets = new Int32Array(2 ** Math.ceil(Math.log2(capacity))).fill(NONE);
    for (let entry = 0; entry < had; entry++) this.enterBucket(entry);
    for (let entry = capacity - 1; entry >= had; entry--) {
      this.following[entry] = this.free;
      this.free = entry;
    }
  }
}
