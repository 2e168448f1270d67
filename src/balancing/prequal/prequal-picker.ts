import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { Picker, PickerScope } from '../../core/picker.js';
import type { Random } from '../../core/random.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { LoadReport } from '../load-reports/load-report.js';
import { readLoadReport } from '../load-reports/read-load-report.js';
import { WeightedDraw } from '../weighted-draw.js';
import { type ProbeAudience, Prober, type ProbeSettings } from './prober.js';
import { ReportPool } from './report-pool.js';
import { ReuseBudget } from './reuse-budget.js';
import { Standing } from './standing.js';
import { UsualInFlight } from './usual-in-flight.js';

export interface PrequalSettings extends ProbeSettings {
  readonly poolSize: number;
  readonly removesPerRequest: number;
  readonly hotQuantile: number;
}

/** How much a report's service time changes the mean of all, which stands in where a report says none. */
const SHARE_OF_ONE = 0.05;

/** The picker of `prequal`: reports come into the pool, requests go by them, and where there are too few, by `fallback`. */
export class PrequalPicker implements Picker, ViewListener, ProbeAudience {
  private readonly view: PickableView;
  private readonly random: Random;
  private readonly weighted: WeightedDraw;
  private readonly pool: ReportPool;
  private readonly usual: UsualInFlight;
  private readonly budget: ReuseBudget;
  private readonly prober: Prober | undefined;
  private readonly report = new LoadReport();
  /** By slot; undefined for one that there is nothing to remember of. */
  private readonly standings: (Standing | undefined)[] = [];
  private readonly stopListening: () => void;
  /** How many endpoints are mute, and how many are left out or were until lately. */
  private mute = 0;
  private leftOut = 0;
  private usualServiceMs = 0;
  /** One number, where changing it allocates nothing: a field of an object does not promise that. */
  private readonly removesOwed = new Float64Array(1);

  constructor(
    private readonly settings: PrequalSettings,
    scope: PickerScope,
    private readonly fallback: Picker,
  ) {
    const { poolSize, maxAgeMs, hotQuantile, probesPerRequest, removesPerRequest } = settings;
    const { ask } = scope;
    this.view = scope.view;
    this.random = scope.random;
    this.weighted = new WeightedDraw(scope.random);
    this.pool = new ReportPool(poolSize, maxAgeMs);
    this.usual = new UsualInFlight(hotQuantile);
    this.budget = new ReuseBudget(poolSize, probesPerRequest, removesPerRequest, scope.random);
    this.prober = ask === undefined || probesPerRequest === 0 ? undefined : new Prober({ ...scope, ask }, settings, this);
    this.stopListening = scope.view.listen(this);
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    this.prober?.picked(nowMs);
    this.budget.picked();
    const slot = this.mute === 0 ? -1 : this.amongMute(view, nowMs);
    if (slot >= 0) return view.bySlot[slot];
    const { pool, usual } = this;
    const chosen = pool.choose(view, usual, nowMs);
    this.thinOut();
    return chosen < 0 ? this.fallback.pick(view, call, nowMs) : view.bySlot[chosen];
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void {
    this.fallback.settle?.(endpoint, verdict, latencyMs, call, nowMs, reply);
    if (verdict === 'ignored') return;
    if (verdict === 'success') {
      this.standings[endpoint.slot]?.succeeded();
      if (reply !== undefined) this.read(endpoint, reply, nowMs);
      return;
    }
    this.pool.drop(endpoint.slot);
    const standing = this.standingOf(endpoint);
    const isTooMany = standing.failed(nowMs, endpoint);
    // Were more than half left out, what they had to do would be too much for the others.
    if (!isTooMany || this.isOut(standing, nowMs) || this.leftOut * 2 >= this.view.size) return;
    standing.leaveOut(nowMs, this.random);
    this.leftOut++;
    standing.isCounted = true;
  }

  close(): void {
    this.stopListening();
    this.prober?.close();
    this.fallback.close?.();
  }

  removed(endpoint: Endpoint): void {
    const { slot } = endpoint;
    this.pool.drop(slot);
    const standing = this.standings[slot];
    if (standing === undefined) return;
    if (standing.isMute) this.mute--;
    if (standing.isCounted) this.leftOut--;
    this.standings[slot] = undefined;
  }

  /** One that is broken may come back as another process. */
  shut({ slot, shutGates, busyGates }: Endpoint): void {
    if (shutGates > busyGates) this.pool.drop(slot);
  }

  mayAsk(endpoint: Endpoint, nowMs: number): boolean {
    const standing = this.standingOf(endpoint);
    if (standing.isAsked || standing.askAtMs > nowMs || endpoint.retryAfterMs > nowMs || this.isOut(standing, nowMs)) return false;
    standing.isAsked = true;
    return true;
  }

  /** Also of a refusal the report is believed, as of an older server that has the header and not the path. */
  replied(endpoint: Endpoint, reply: Reply, nowMs: number): void {
    const standing = this.standings[endpoint.slot];
    if (standing?.isAsked !== true) return;
    standing.isAsked = false;
    if (reply.status >= 500) {
      standing.lostProbe(nowMs, this.random);
    } else if (!this.read(endpoint, reply, nowMs)) {
      if (!standing.isMute) this.mute++;
      standing.fellMute(nowMs, this.random);
      this.pool.drop(endpoint.slot);
    }
  }

  lost(endpoint: Endpoint, nowMs: number): void {
    const standing = this.standings[endpoint.slot];
    if (standing?.isAsked !== true) return;
    standing.isAsked = false;
    standing.lostProbe(nowMs, this.random);
    this.pool.drop(endpoint.slot);
  }

  /** Takes in the report of an answer; false where it has none that says how many requests are in flight. */
  private read(endpoint: Endpoint, reply: Reply, nowMs: number): boolean {
    const { report } = this;
    if (!readLoadReport(reply, report) || Number.isNaN(report.requestsInFlight)) return false;
    const standing = this.standings[endpoint.slot];
    if (standing?.isMute === true) this.mute--;
    standing?.reported();
    this.usual.note(report.requestsInFlight);
    const latencyMs = this.latencyOf(report);
    if (standing !== undefined && this.isOut(standing, nowMs)) return true;
    const burden = standing?.burden ?? 1;
    const inFlight = (report.requestsInFlight + 1) * burden - 1;
    const uses = this.budget.reported(this.view.count);
    this.pool.put(endpoint.slot, inFlight, latencyMs * burden, uses, nowMs);
    return true;
  }

  /**
   * How long a request takes that comes now. What is reported is the mean of the last seconds, which says how busy a
   * server was and not how busy it is; going by that, all clients would stay with whoever was idle (measured: 60 service
   * times where there should be three). The paper's servers keep latencies by how many requests there were. The same can
   * be told from the mean: by Little's law, rate times latency is how many were in flight on average, and latency grows
   * with how many there are now.
   *
   * A server that has answered nothing yet says no latency. It is taken for an average one.
   */
  private latencyOf({ serviceMs, requestsPerSecond, requestsInFlight }: LoadReport): number {
    const isKnown = !Number.isNaN(serviceMs);
    if (isKnown) this.usualServiceMs += (serviceMs - this.usualServiceMs) * (this.usualServiceMs === 0 ? 1 : SHARE_OF_ONE);
    const meanMs = isKnown ? serviceMs : this.usualServiceMs;
    const meanInFlight = requestsPerSecond > 0 ? (requestsPerSecond * meanMs) / 1_000 : 0;
    return (meanMs * (requestsInFlight + 1)) / (meanInFlight + 1);
  }

  /**
   * Those who tell nothing get their share all the same: one is drawn of all endpoints, and if it is mute, the request
   * goes to it, or to another mute one that has less in flight. -1 if it is not.
   */
  private amongMute(view: PickableView, nowMs: number): number {
    const { count, bySlot } = view;
    if (count < 2) return -1;
    const slot = this.weighted.draw(view);
    if (!this.isMute(slot, nowMs)) return -1;
    const other = this.weighted.draw(view);
    const isOthers = this.isMute(other, nowMs) && (bySlot[other] as Endpoint).inFlight < (bySlot[slot] as Endpoint).inFlight;
    return isOthers ? other : slot;
  }

  private isMute(slot: number, nowMs: number): boolean {
    const standing = this.standings[slot];
    return standing?.isMute === true && !this.isOut(standing, nowMs);
  }

  private thinOut(): void {
    const { pool, usual, removesOwed } = this;
    const owed = (removesOwed[0] as number) + this.settings.removesPerRequest;
    const due = Math.floor(owed);
    removesOwed[0] = owed - due;
    for (let left = due; left > 0; left--) pool.thinOut(usual);
  }

  /** Whether it is left out now; notices when that is over. */
  private isOut(standing: Standing, nowMs: number): boolean {
    if (standing.outUntilMs > nowMs) return true;
    if (standing.isCounted) {
      standing.isCounted = false;
      this.leftOut--;
    }
    return false;
  }

  private standingOf({ slot }: Endpoint): Standing {
    let standing = this.standings[slot];
    if (standing === undefined) {
      standing = new Standing();
      this.standings[slot] = standing;
    }
    return standing;
  }
}
