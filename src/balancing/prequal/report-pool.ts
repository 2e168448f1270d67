import type { PickableView } from '../../core/endpoint-view.js';

/** From how many requests in flight on an endpoint counts as hot. */
export interface HotThreshold {
  readonly threshold: number;
}

/**
 * The latest load reports, one of an endpoint at most, and which of them a request goes by.
 *
 * **The hot-cold rule.** Reports of endpoints with more requests in flight than is usual are hot. Of the cold ones that
 * with the lowest latency is taken; where all are hot, that with the fewest requests in flight. So latency decides as
 * long as nobody has much to do, and what an endpoint has to do as soon as somebody has: requests in flight tell of
 * trouble long before latencies do, and latencies tell which machine is the better one.
 *
 * **A report wears out.** A request that went by it makes it wrong by one, which is added, and to the latency its part;
 * after some uses and after `maxAgeMs` it is taken out. Now and then the oldest and the worst are taken out in turn: those that are never used
 * would otherwise fill the pool and keep newer ones out until they are too old, and a pool that only loses its best
 * ends up with its worst.
 *
 * It is searched from end to end. Sixteen places are two cache lines for each number.
 */
export class ReportPool {
  size = 0;
  private readonly slots: Int32Array;
  private readonly inFlight: Float64Array;
  private readonly latencyMs: Float64Array;
  private readonly stampMs: Float64Array;
  private readonly usesLeft: Float64Array;
  private isOldestsTurn = true;

  constructor(
    readonly capacity: number,
    private readonly maxAgeMs: number,
  ) {
    this.slots = new Int32Array(capacity);
    this.inFlight = new Float64Array(capacity);
    this.latencyMs = new Float64Array(capacity);
    this.stampMs = new Float64Array(capacity);
    this.usesLeft = new Float64Array(capacity);
  }

  /** Takes in what the endpoint in `slot` says, in place of what it said before, or of the oldest where there is no room. */
  put(slot: number, inFlight: number, latencyMs: number, uses: number, nowMs: number): void {
    let place = this.placeOf(slot);
    if (place < 0) place = this.size < this.capacity ? this.size++ : this.oldest();
    this.slots[place] = slot;
    this.inFlight[place] = inFlight;
    this.latencyMs[place] = latencyMs;
    this.stampMs[place] = nowMs;
    this.usesLeft[place] = uses;
  }

  /** The endpoint in `slot` is not to be chosen for what it said so far. */
  drop(slot: number): void {
    const place = this.placeOf(slot);
    if (place >= 0) this.takeOut(place);
  }

  /**
   * The slot of the endpoint to send to, whose report counts as used; -1 with fewer than two to choose from.
   * With more requests in flight than `usual` says a report is hot. (A number of its own would be put on the heap for
   * each call that the engine does not inline.)
   */
  choose(view: PickableView, usual: HotThreshold, nowMs: number): number {
    const { slots, inFlight, latencyMs, stampMs } = this;
    let candidates = 0;
    let best = 0;
    for (let place = this.size - 1; place >= 0; place--) {
      if (nowMs - (stampMs[place] as number) > this.maxAgeMs) {
        // The last one comes to this place. It was looked at already.
        if (best === this.size - 1) best = place;
        this.takeOut(place);
        continue;
      }
      const endpoint = view.bySlot[slots[place] as number];
      if (endpoint === undefined || endpoint.retryAfterMs > nowMs || !view.offers(endpoint)) continue;
      if (candidates++ === 0 || this.isBetter(place, best, usual)) best = place;
    }
    if (candidates < 2) return -1;
    const slot = slots[best] as number;
    const before = inFlight[best] as number;
    inFlight[best] = before + 1;
    latencyMs[best] = ((latencyMs[best] as number) * (before + 2)) / (before + 1);
    const uses = (this.usesLeft[best] as number) - 1;
    this.usesLeft[best] = uses;
    if (uses <= 0) this.takeOut(best);
    return slot;
  }

  /** Takes out the oldest and the worst in turn. Two stay, or there would be nothing to choose from. */
  thinOut(usual: HotThreshold): void {
    if (this.size <= 2) return;
    this.takeOut(this.isOldestsTurn ? this.oldest() : this.worst(usual));
    this.isOldestsTurn = !this.isOldestsTurn;
  }

  private isBetter(place: number, other: number, { threshold }: HotThreshold): boolean {
    const { inFlight, latencyMs } = this;
    const own = inFlight[place] as number;
    const others = inFlight[other] as number;
    if (own > threshold !== others > threshold) return own <= threshold;
    return own > threshold ? own < others : (latencyMs[place] as number) < (latencyMs[other] as number);
  }

  private worst(usual: HotThreshold): number {
    let worst = 0;
    for (let place = 1; place < this.size; place++) if (this.isBetter(worst, place, usual)) worst = place;
    return worst;
  }

  private oldest(): number {
    const { stampMs } = this;
    let oldest = 0;
    for (let place = 1; place < this.size; place++) {
      if ((stampMs[place] as number) < (stampMs[oldest] as number)) oldest = place;
    }
    return oldest;
  }

  private placeOf(slot: number): number {
    const { slots } = this;
    for (let place = 0; place < this.size; place++) if (slots[place] === slot) return place;
    return -1;
  }

  /** The last one takes its place: who is older is in the stamps. */
  private takeOut(place: number): void {
    const last = --this.size;
    this.slots[place] = this.slots[last] as number;
    this.inFlight[place] = this.inFlight[last] as number;
    this.latencyMs[place] = this.latencyMs[last] as number;
    this.stampMs[place] = this.stampMs[last] as number;
    this.usesLeft[place] = this.usesLeft[last] as number;
  }
}
