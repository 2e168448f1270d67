/** How many of the last reports it is worked out from. */
const REMEMBERED = 64;

/** After how many reports it is worked out anew. The first ones count at once. */
const EVERY = 8;

/**
 * From how many requests in flight on an endpoint counts as hot: a quantile of what the last reports said, of whatever
 * endpoints they were. It is the client's own view of the fleet, and moves with its load within some dozen requests.
 */
export class UsualInFlight {
  /** With more than these an endpoint is hot. */
  threshold = 0;
  private readonly latest = new Float64Array(REMEMBERED).fill(Number.POSITIVE_INFINITY);
  private readonly sorted = new Float64Array(REMEMBERED);
  private known = 0;
  private next = 0;

  constructor(private readonly quantile: number) {}

  /** A report says that its endpoint has so many. */
  note(inFlight: number): void {
    this.latest[this.next] = inFlight;
    this.next = (this.next + 1) % REMEMBERED;
    if (this.known < REMEMBERED) this.known++;
    if (this.known >= EVERY && this.next % EVERY !== 0) return;
    this.sorted.set(this.latest);
    // Those that are not known yet are the largest.
    this.sorted.sort();
    this.threshold = this.sorted[Math.floor(this.quantile * (this.known - 1))] as number;
  }
}
