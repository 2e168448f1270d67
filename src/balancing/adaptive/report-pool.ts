import { CELLS, IN_FLIGHT, type PickableView } from '../../core/endpoint-view.js';

/**
 * The latest reports of a service's servers, each to be used once: with its answer a server says that it has room for
 * one more, and it says so to one client. Whoever has such a word picks the best of those it has and forgets it.
 *
 * That is what keeps many clients from running to the same server, as they do where each remembers who was idle: of a
 * hundred clients of a hundred servers at 90 % load, requests took 2.6 service times this way, 6.9 with two choices by
 * the requests that each client has in flight itself, and 2.6 with two choices by what is truly in flight
 * (docs/simulations). Van der Boor, Borst and van Leeuwaarden show why one message a request is enough
 * ("Hyper-Scalable JSQ with Sparse Feedback", 2019); Prequal (Wydrowski et al., NSDI 2024) has such a pool, and fills it
 * with probes.
 *
 * The limits hardly matter (docs/simulations/report-pools.md), so they are Prequal's: sixteen reports of the last second.
 */

/** How much a pool holds, and for how long. */
export interface PoolLimits {
  readonly reports: number;
  readonly usableMs: number;
  /** Longer than `usableMs` where requests take long. */
  readonly usableServiceTimes: number;
}

const LIMITS: PoolLimits = { reports: 16, usableMs: 1_000, usableServiceTimes: 20 };

/**
 * Reports within so much of the best are as good as the best, and the oldest of them is used. Were it the best alone, the
 * one server that is a hair faster than the others would get all requests of a quiet service.
 */
const AS_GOOD = 1.25;

/**
 * A report that promises an answer only after twice the usual time is left: the reports of slow servers are what remains
 * when those of the fast ones are used up or on their way.
 */
const PATIENCE = 2;
/** Of an answer's latency, so much goes into the usual time. */
const NEWEST = 1 / 64;

/** Own copies: see lowest-cost.ts. */
const STRIDE = CELLS;
const PENDING = IN_FLIGHT;

export class ReportPool {
  size = 0;
  /** Whether a report may be worth going by. Not while those that are left promised too little and nothing new was heard. */
  isPromising = false;
  /** What an answer takes on average, over all endpoints, in milliseconds: one number, where changing it allocates nothing. */
  private readonly usualMs = new Float64Array(1);
  private readonly slots: Int32Array;
  private readonly requests: Float64Array;
  private readonly serviceMs: Float64Array;
  private readonly stamps: Float64Array;
  private readonly endsMs: Float64Array;
  private readonly scores: Float64Array;

  constructor(private readonly limits = LIMITS) {
    const { reports } = limits;
    this.slots = new Int32Array(reports);
    this.requests = new Float64Array(reports);
    this.serviceMs = new Float64Array(reports);
    this.stamps = new Float64Array(reports);
    this.endsMs = new Float64Array(reports);
    this.scores = new Float64Array(reports);
  }

  /** The endpoint in `slot` says that it has so many requests, and needs so long for one. Replaces what it said before. */
  put(slot: number, requests: number, serviceMs: number, nowMs: number): void {
    const { reports, usableMs, usableServiceTimes } = this.limits;
    let index = this.indexOf(slot);
    if (index < 0) index = this.size < reports ? this.size++ : this.oldest();
    this.slots[index] = slot;
    this.requests[index] = requests;
    this.serviceMs[index] = serviceMs;
    this.stamps[index] = nowMs;
    this.endsMs[index] = nowMs + Math.max(usableMs, usableServiceTimes * serviceMs);
    this.isPromising = true;
  }

  /** An answer took so long. */
  answered(ms: number): void {
    const usual = this.usualMs[0] as number;
    this.usualMs[0] = usual === 0 ? ms : usual + (ms - usual) * NEWEST;
    this.isPromising = this.size > 0;
  }

  /** What the endpoint in `slot` said counts no more. */
  drop(slot: number): void {
    const index = this.indexOf(slot);
    if (index >= 0) this.remove(index);
  }

  /**
   * The slot of an endpoint whose report is among the best, which is thereby used up; -1 where no report promises an
   * answer within twice the usual time. A report of fewer requests than this client itself has there was made before they came.
   */
  take({ cells }: PickableView, nowMs: number): number {
    const { slots, requests, serviceMs, stamps, endsMs, scores } = this;
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.size; index++) {
      while (index < this.size && (endsMs[index] as number) < nowMs) this.remove(index);
      if (index === this.size) break;
      const pending = cells[(slots[index] as number) * STRIDE + PENDING] as number;
      const said = requests[index] as number;
      const score = (Math.max(said, pending) + 1) * (serviceMs[index] as number);
      scores[index] = score;
      if (score < lowest) lowest = score;
    }
    if (this.size === 0 || lowest > (this.usualMs[0] as number) * PATIENCE) {
      this.isPromising = false;
      return -1;
    }
    const bound = lowest * AS_GOOD;
    let best = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.size; index++) {
      if ((scores[index] as number) > bound || (stamps[index] as number) >= oldestMs) continue;
      oldestMs = stamps[index] as number;
      best = index;
    }
    const slot = slots[best] as number;
    this.remove(best);
    return slot;
  }

  private indexOf(slot: number): number {
    for (let index = 0; index < this.size; index++) if (this.slots[index] === slot) return index;
    return -1;
  }

  private oldest(): number {
    let oldest = 0;
    for (let index = 1; index < this.size; index++) {
      if ((this.stamps[index] as number) < (this.stamps[oldest] as number)) oldest = index;
    }
    return oldest;
  }

  /** The last one takes its place. */
  private remove(index: number): void {
    const last = --this.size;
    this.slots[index] = this.slots[last] as number;
    this.requests[index] = this.requests[last] as number;
    this.serviceMs[index] = this.serviceMs[last] as number;
    this.stamps[index] = this.stamps[last] as number;
    this.endsMs[index] = this.endsMs[last] as number;
    this.scores[index] = this.scores[last] as number;
  }
}
