import type { Call } from '../../core/call.js';
import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import type { Picker } from '../../core/picker.js';
import type { Random } from '../../core/random.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { StrideScheduler } from '../stride-scheduler.js';
import { LoadReport } from './load-report.js';
import { readLoadReport } from './read-load-report.js';
import { ReportedWeights, type WeightTimes } from './reported-weights.js';

/** How far a weight may be from the median of all, upwards and downwards: gRPC's static stride has the same ratio, to the mean. */
const MAX_RATIO = 10;

/** The median of so many of a list differs from that of the list by some places in a hundred; it bounds weights within a factor of ten. */
const LARGEST_SAMPLE = 1_000;

/** The picker of `weightedRoundRobin`: reports become weights, weights become shares, and the scheduler walks over these. */
export class WeightedRoundRobinPicker implements Picker, ViewListener {
  private readonly reported: ReportedWeights;
  private readonly report = new LoadReport();
  private readonly scheduler: StrideScheduler;
  /** By slot: what an endpoint gets, relative to the others. Above 0 for every endpoint. */
  private shares = new Float64Array(4);
  /** What an endpoint of the weight 1 gets as long as it has none of its own. */
  private usual = 1;
  private updateAtMs = Number.NEGATIVE_INFINITY;
  private readonly stopListening: () => void;

  constructor(
    private readonly options: WeightTimes & { readonly updateMs: number },
    private readonly view: PickableView,
    random: Random,
  ) {
    this.reported = new ReportedWeights(options);
    this.scheduler = new StrideScheduler(random);
    for (const endpoint of view) this.added(endpoint);
    this.stopListening = view.listen(this);
  }

  pick(view: PickableView, _call: Call, nowMs: number): Endpoint | undefined {
    if (view.count === 0) return undefined;
    if (nowMs >= this.updateAtMs) this.update(nowMs);
    return view.bySlot[this.scheduler.next(view, this.shares)];
  }

  /** A failed attempt's report counts like any other: what failed is in the report. */
  settle(endpoint: Endpoint, _verdict: Verdict, _latencyMs: number, _call: Call, nowMs: number, reply: Reply | undefined): void {
    if (reply !== undefined && readLoadReport(reply, this.report)) this.reported.learn(endpoint.slot, this.report, nowMs);
  }

  close(): void {
    this.stopListening();
  }

  added({ slot, instance }: Endpoint): void {
    this.shares = grown(this.shares, slot + 1);
    this.reported.clear(slot);
    this.shares[slot] = this.usual * instance.weight;
  }

  changed({ slot, instance }: Endpoint, before: Instance): void {
    this.shares[slot] = ((this.shares[slot] as number) / before.weight) * instance.weight;
  }

  /** One that was broken may come back as another process. One that was merely busy has reported all the while. */
  shut({ slot, shutGates, busyGates }: Endpoint): void {
    if (shutGates > busyGates) this.reported.restart(slot);
  }

  private update(nowMs: number): void {
    const { view, reported, shares } = this;
    this.updateAtMs = nowMs + this.options.updateMs;
    const known: number[] = [];
    for (const { slot } of view) {
      const weight = reported.at(slot, nowMs);
      if (weight > 0) known.push(weight);
    }
    const areEnough = known.length >= 2;
    const median = areEnough ? medianOf(known) : 1;
    const within = (weight: number) => Math.min(Math.max(weight, median / MAX_RATIO), median * MAX_RATIO);
    this.usual = areEnough ? known.reduce((sum, weight) => sum + within(weight), 0) / known.length : 1;
    for (const { slot, instance } of view) {
      const weight = areEnough ? reported.at(slot, nowMs) : 0;
      shares[slot] = (weight > 0 ? within(weight) : this.usual) * instance.weight;
    }
    this.scheduler.reset();
  }
}

/**
 * Of an even number the lower one, so that of two endpoints the one that claims less is the measure. Of very many a
 * thousand evenly spaced ones stand for all: sorting ten thousand would take half of an update.
 */
function medianOf(weights: readonly number[]): number {
  const step = Math.ceil(weights.length / LARGEST_SAMPLE);
  const sorted = Float64Array.from(step === 1 ? weights : weights.filter((_, index) => index % step === 0)).sort();
  return sorted[(sorted.length - 1) >> 1] as number;
}
