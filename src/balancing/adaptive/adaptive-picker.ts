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
import { ReportTrust } from './report-trust.js';
import { Reporters } from './reporters.js';
import { SpeedShares } from './speed-shares.js';

/** Of the picks that reports could decide, one in so many is made without them: it finds who was not heard of lately. */
const EXPLORE_EVERY = 32;

/** How often it is worked out who is fast and who reports, in milliseconds. */
const REVIEW_MS = 250;

/** Up to how many endpoints all of them are compared always, and where the client keeps each of them busy. */
const ALWAYS_ALL = 4;
const ALL_WHEN_BUSY = 16;

/** A server that says it is faster than an eighth of what its answers take is not believed. */
const BELIEVED = 1 / 8;

/** After so many draws that gave the same endpoint, it is nearly the only one that is fast. */
const MAX_TRIES = 16;

/** The picker behind `adaptive`, which says what it does and why. */
export class AdaptivePicker implements Picker, ViewListener {
  private readonly reporters = new Reporters();
  private readonly speeds = new SpeedShares();
  private readonly report = new LoadReport();
  private readonly ofTwo: LowestCostPicker;
  private readonly stopListening: () => void;
  /** What an answer took; and what the server needs for one request, by its own words where it has any. */
  private readonly answers = new MeanTimes();
  private readonly services = new MeanTimes();
  private readonly trust = new ReportTrust();
  private turn = 0;
  private reviewAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    measure: LoadMeasure,
    private readonly view: PickableView,
    private readonly random: Random,
    private readonly pool = new ReportPool(),
  ) {
    this.ofTwo = new LowestCostPicker(measure, 2, ALWAYS_ALL, view, random);
    for (const endpoint of view) this.added(endpoint);
    this.stopListening = view.listen(this);
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    if (view.count <= ALL_WHEN_BUSY || !view.uniform) return this.ofFew(view, call, nowMs);
    if (nowMs >= this.reviewAtMs || this.pool.isPromising) {
      const endpoint = this.byReport(view, nowMs);
      if (endpoint !== undefined) return endpoint;
    }
    return this.speeds.even ? this.ofTwo.pick(view, call, nowMs) : this.bySpeed(view, call, nowMs);
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
    this.pool.answered(latencyMs);
    const { report } = this;
    const reports = reply !== undefined && readLoadReport(reply, report) && report.requestsInFlight >= 0;
    this.reporters.heard(slot, reports);
    const serviceMs = reports && report.serviceMs > 0 ? this.serviceMsOf(slot, report) : latencyMs;
    this.services.learn(slot, serviceMs);
    if (!reports) return;
    const promisedMs = this.services.of(slot);
    this.trust.learn(slot, (report.requestsInFlight + 1) * promisedMs, latencyMs);
    if (this.view.offers(endpoint)) this.pool.put(slot, report.requestsInFlight, promisedMs * this.trust.doubt(slot), nowMs);
  }

  close(): void {
    this.stopListening();
  }

  added({ slot }: Endpoint): void {
    this.answers.clear(slot);
    this.services.clear(slot);
    this.trust.clear(slot);
    this.reporters.clear(slot);
  }

  /** One that leaves is shut before. */
  shut({ slot }: Endpoint): void {
    this.pool.drop(slot);
  }

  /**
   * How long the server needs for one request. One that measures from a request's arrival to its answer, as `loadReports`
   * does, counts the others in it: by Little's law there were rate x time of them on average.
   */
  private serviceMsOf(slot: number, { serviceMs, requestsPerSecond }: LoadReport): number {
    const believedMs = Math.max(serviceMs, this.answers.of(slot) * BELIEVED);
    return requestsPerSecond > 0 ? believedMs / ((requestsPerSecond * serviceMs) / 1_000 + 1) : believedMs;
  }

  /** Of few endpoints, or by weight. */
  private ofFew(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { count } = view;
    if (count > 1 && view.uniform) {
      const endpoint = this.byReport(view, nowMs);
      if (endpoint !== undefined) return endpoint;
      if (view.inFlight >= count) return view.bySlot[this.ofTwo.cheapest(view, nowMs)];
      if (!this.speeds.even && count > ALWAYS_ALL) return this.bySpeed(view, call, nowMs);
    }
    return this.ofTwo.pick(view, call, nowMs);
  }

  private byReport(view: PickableView, nowMs: number): Endpoint | undefined {
    if (nowMs >= this.reviewAtMs) {
      this.reviewAtMs = nowMs + REVIEW_MS;
      this.reporters.review(view);
      // Who is silent is seen by its answers alone, which wait in its queue: beside those of the others, who say what they need, it would look slow.
      this.speeds.review(view, this.reporters.allReport ? this.services : this.answers, this.random);
    }
    if (!this.pool.isPromising || !this.reporters.allReport) return undefined;
    this.turn = (this.turn + 1) % EXPLORE_EVERY;
    if (this.turn === 0) return undefined;
    const { pool } = this;
    for (let slot = pool.take(view, nowMs); slot >= 0; slot = pool.take(view, nowMs)) {
      const endpoint = view.bySlot[slot];
      // It may have reported while its priority was the one in use.
      if (endpoint !== undefined && view.offers(endpoint)) return endpoint;
    }
    return undefined;
  }

  private bySpeed(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { ofTwo } = this;
    const { drum, tickets, changes } = this.speeds;
    // Both from one number, as in lowest-cost.ts.
    const drawn = this.random.next() * tickets;
    const place = drawn | 0;
    const first = drum[place] as number;
    let second = drum[((drawn - place) * tickets) | 0] as number;
    if (second === first) second = this.otherThan(first);
    const slot = ofTwo.cheaper(view, first, second, nowMs);
    const endpoint = view.bySlot[slot];
    if (changes === view.changes) return endpoint;
    // Since the last review it may have been shut.
    return endpoint !== undefined && view.offers(endpoint) ? endpoint : ofTwo.pick(view, call, nowMs);
  }

  /** Two that are the same are no choice. */
  private otherThan(first: number): number {
    const { drum, tickets } = this.speeds;
    let second = first;
    for (let tries = 0; second === first && tries < MAX_TRIES; tries++) second = drum[(this.random.next() * tickets) | 0] as number;
    return second;
  }
}
