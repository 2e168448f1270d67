import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { Picker } from '../../core/picker.js';
import type { Random } from '../../core/random.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import type { ViewListener } from '../../core/view-listeners.js';
import type { LoadMeasure } from '../load.js';
import { LoadReport } from '../load-reports/load-report.js';
import { readLoadReport } from '../load-reports/read-load-report.js';
import { LowestCostPicker } from '../lowest-cost.js';
import { MeanTimes } from './mean-times.js';
import { ReportPool } from './report-pool.js';
import { Reporters } from './reporters.js';
import { SpeedShares } from './speed-shares.js';

/** Of the picks that reports could decide, one in so many is made without them: it finds who was not heard of lately. */
const EXPLORE_EVERY = 32;

/** How often it is worked out who is fast and who reports, in milliseconds. */
const REVIEW_MS = 250;

/** Up to how many endpoints all of them are compared always, and where the client keeps each of them busy. */
const ALWAYS_ALL = 4;
const ALL_WHEN_BUSY = 16;

/**
 * A report that promises an answer only after twice the usual time is left in the pool: the reports of slow servers are
 * what is left there when those of the fast ones are used up or on their way.
 */
const PATIENCE = 2;
/** Of an answer's latency, so much goes into the usual time. */
const NEWEST = 1 / 64;

/** A server that says it is faster than an eighth of what its answers take is not believed. */
const BELIEVED = 1 / 8;

/** The picker behind `adaptive`, which says what it does and why. */
export class AdaptivePicker implements Picker, ViewListener {
  private readonly pool = new ReportPool();
  private readonly reporters = new Reporters();
  private readonly speeds = new SpeedShares();
  private readonly report = new LoadReport();
  private readonly ofTwo: LowestCostPicker;
  private readonly ofAll: LowestCostPicker;
  private readonly stopListening: () => void;
  /** What an answer took, beside what the server says that it takes. */
  private readonly answers = new MeanTimes();
  /** What an answer takes on average, over all endpoints, in milliseconds. */
  private usualMs = 0;
  private turn = 0;
  private reviewAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    measure: LoadMeasure,
    private readonly view: PickableView,
    private readonly random: Random,
  ) {
    this.ofTwo = new LowestCostPicker(measure, 2, ALWAYS_ALL, view, random);
    this.ofAll = new LowestCostPicker(measure, 2, ALL_WHEN_BUSY, view, random);
    for (const endpoint of view) this.added(endpoint);
    this.stopListening = view.listen(this);
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { count } = view;
    if (count > 1 && view.uniform) {
      if (nowMs >= this.reviewAtMs) this.review(view, nowMs);
      if (this.reporters.allReport) {
        const endpoint = this.byReport(view, nowMs);
        if (endpoint !== undefined) return endpoint;
      }
      if (count <= ALL_WHEN_BUSY && view.inFlight >= count) return this.ofAll.pick(view, call, nowMs);
      if (!this.speeds.even && count > ALWAYS_ALL) return view.bySlot[this.bySpeed(view, nowMs)];
    }
    return this.ofTwo.pick(view, call, nowMs);
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void {
    this.ofTwo.settle(endpoint, verdict, latencyMs, call, nowMs);
    if (verdict === 'ignored') return;
    const { slot } = endpoint;
    // Who fails at once has nothing in flight: its report would draw everybody to it.
    if (verdict !== 'success') {
      this.pool.drop(slot);
      return;
    }
    this.answers.learn(slot, latencyMs);
    this.usualMs = this.usualMs === 0 ? latencyMs : this.usualMs + (latencyMs - this.usualMs) * NEWEST;
    const { report } = this;
    const reports = reply !== undefined && readLoadReport(reply, report) && report.requestsInFlight >= 0;
    this.reporters.heard(slot, reports);
    const serviceMs = reports && report.serviceMs > 0 ? Math.max(report.serviceMs, this.answers.of(slot) * BELIEVED) : latencyMs;
    this.speeds.learn(slot, serviceMs);
    if (reports && this.view.offers(endpoint)) this.pool.put(slot, report.requestsInFlight, this.speeds.mean(slot), nowMs);
  }

  close(): void {
    this.stopListening();
  }

  added({ slot }: Endpoint): void {
    this.speeds.clear(slot);
    this.answers.clear(slot);
    this.reporters.clear(slot);
  }

  /** One that leaves is shut before. */
  shut({ slot }: Endpoint): void {
    this.pool.drop(slot);
  }

  private review(view: PickableView, nowMs: number): void {
    this.reviewAtMs = nowMs + REVIEW_MS;
    this.speeds.review(view);
    this.reporters.review(view);
  }

  private byReport(view: PickableView, nowMs: number): Endpoint | undefined {
    this.turn = (this.turn + 1) % EXPLORE_EVERY;
    if (this.turn === 0) return undefined;
    const { pool } = this;
    const limitMs = this.usualMs * PATIENCE;
    for (let slot = pool.take(view, nowMs, limitMs); slot >= 0; slot = pool.take(view, nowMs, limitMs)) {
      const endpoint = view.bySlot[slot];
      // It may have reported while its priority was the one in use.
      if (endpoint !== undefined && view.offers(endpoint)) return endpoint;
    }
    return undefined;
  }

  private bySpeed(view: PickableView, nowMs: number): number {
    const { speeds, random } = this;
    const { slots } = view;
    const first = speeds.draw(view, random, -1);
    const second = speeds.draw(view, random, first);
    return this.ofTwo.cheaper(view, slots[first] as number, slots[second] as number, nowMs);
  }
}
