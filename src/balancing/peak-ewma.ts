import type { Endpoint } from '../core/endpoint.js';
import { CELLS, IN_FLIGHT, LOAD, LOAD_STAMP, OWING, type PickableView } from '../core/endpoint-view.js';
import { durationMs, knownKeys } from '../core/options-check.js';
import type { Random } from '../core/random.js';
import type { Verdict } from '../core/verdict.js';
import { growthOf } from './decay.js';
import type { Load, LoadMeasure } from './load.js';

/**
 * Peak EWMA: an endpoint costs the worst latency it was lately seen with, times the requests it would have in
 * flight with this one. The worst counts in full at once and is forgotten over `decayMs`, so that an endpoint
 * which turns slow is left within one answer and returned to gradually. From Finagle's PeakEwma; Linkerd made
 * it its default.
 *
 * Finagle stores the decayed value at every read, which makes its moving average a decaying maximum: a sample
 * below the present value changes nothing. That is what stands here, without the store at each read:
 * cost(t) is the largest latency(i) * e^-((t - t(i)) / decayMs). Where all endpoints are compared, the decayed values
 * are stored a thousand times in a lifetime, and read as they stand in between.
 *
 * Four things need care:
 *
 * - An endpoint never measured costs nothing while it is idle, so that it is tried, and more than any measured
 *   one while its first answers are outstanding, so that it is tried with few requests and not with all.
 * - A failure is often faster than an answer and would look attractive. So it makes the endpoint four times as
 *   expensive as it was, up to `penaltyMs`, and each success after it a fourth as expensive, down to its latency:
 *   who fails more often than not climbs to the penalty within a few requests, who fails now and then does not.
 *   Were the whole penalty counted at once, one failure in a hundred would keep endpoint after endpoint out for
 *   most of a minute, and the rest would carry their work (simulated: four endpoints at three quarters of their
 *   capacity, p99 of 140 ms in place of 105). A Retry-After that the endpoint asked for does count in full, and
 *   no success shortens it. The 5 s, and the 300 s that a Retry-After is believed, are linkerd2-proxy's.
 * - What was given up by the caller says nothing. Its latency is known to be longer than the time it was waited
 *   for, but that is the patience of a caller, and callers who give up early must not decide where others go.
 * - An endpoint that hangs gives no latency at all. So one that owes answers, and has given none for longer than its
 *   peak, counts with that silence: it is left before its first slow answer comes. It is the silence and not the age of
 *   the oldest request, so that one slow question does not put off everybody from an endpoint which answers the others.
 *
 * A penalty is told from a latency by its sign in the cell.
 */

/** Options of `peakEwma`. */
export interface PeakEwmaOptions {
  /** Over how many milliseconds a latency is forgotten to 1/e of itself. Above 0. Default 10,000. */
  readonly decayMs?: number | undefined;
  /** What an endpoint that keeps failing counts as, in milliseconds, if it takes no longer to fail. Above 0. Default 5,000. */
  readonly penaltyMs?: number | undefined;
}

/**
 * Measures load as the latest peak of latency times the requests in flight.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: p2c({ load: peakEwma({ decayMs: 5_000 }) }) } });
 */
export function peakEwma(options: PeakEwmaOptions = {}): Load {
  knownKeys('peakEwma', options, ['decayMs', 'penaltyMs']);
  const decayMs = durationMs('peakEwma.decayMs', options.decayMs ?? 10_000);
  const penaltyMs = durationMs('peakEwma.penaltyMs', options.penaltyMs ?? 5_000);
  return { name: 'peakEwma', build: () => new PeakEwma(decayMs, penaltyMs) };
}

/** What a request in flight costs on an endpoint without an answer yet: 30 years, which no latency reaches. */
const UNMEASURED_MS = 1e12;

/** A latency of 0, as a coarse or a virtual clock shows it, would read as never measured. */
const LEAST_LATENCY_MS = 1e-3;

/** A peak that is forgotten is never quite 0, which would read as never measured. */
const LEAST_PEAK_MS = 1e-9;

/** Peaks that are compared all at once have decayed to within so much of a lifetime: 0.1 %. */
const FRESH = 1e-3;

/** How much a failure makes an endpoint look slower, and a success after it faster again. */
const FAILURE_FACTOR = 4;

/** The longest that a Retry-After is believed. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Own copies: see lowest-cost.ts. */
const PEAK = LOAD;
const STAMP = LOAD_STAMP;
const PENDING = IN_FLIGHT;
const STRIDE = CELLS;
const OWED_SINCE = OWING;

/** What a request more costs by the peak as it was last stored, and by the silence where `nowMs` is told and not 0. */
function storedCost(cells: Float64Array, cell: number, nowMs: number): number {
  const load = cells[cell + PEAK] as number;
  const pending = cells[cell + PENDING] as number;
  if (load === 0) return UNMEASURED_MS * pending;
  const peakMs = Math.abs(load);
  return (nowMs === 0 ? peakMs : Math.max(nowMs - (cells[cell + OWED_SINCE] as number), peakMs)) * (pending + 1);
}

class PeakEwma implements LoadMeasure {
  private readonly eighthPerMs: number;
  private refreshAtMs = Number.NEGATIVE_INFINITY;
  /** Whether, where all are compared, somebody had been silent for longer than his peak when the peaks were stored. */
  private isSomeoneSilent = false;

  constructor(
    private readonly decayMs: number,
    private readonly penaltyMs: number,
  ) {
    this.eighthPerMs = 1 / 8 / decayMs;
  }

  cost(cells: Float64Array, cell: number, inFlight: number, nowMs: number): number {
    const load = cells[cell + PEAK] as number;
    if (load === 0) return UNMEASURED_MS * inFlight;
    const peakMs = Math.abs(load) / growthOf((nowMs - (cells[cell + STAMP] as number)) * this.eighthPerMs);
    const owedMs = nowMs - (cells[cell + OWED_SINCE] as number);
    return Math.max(owedMs, peakMs) * (inFlight + 1);
  }

  /** Written out, and both in one place: two calls of `cost` are too much for the engine to inline, and give numbers that it boxes. */
  cheaper({ cells }: PickableView, first: number, second: number, nowMs: number): number {
    const { eighthPerMs } = this;
    let firstCost = 0;
    let slot = first;
    for (;;) {
      const cell = slot * STRIDE;
      const load = cells[cell + PEAK] as number;
      const pending = cells[cell + PENDING] as number;
      const peakMs = Math.abs(load) / growthOf((nowMs - (cells[cell + STAMP] as number)) * eighthPerMs);
      const owedMs = nowMs - (cells[cell + OWED_SINCE] as number);
      const cost = load === 0 ? UNMEASURED_MS * pending : Math.max(owedMs, peakMs) * (pending + 1);
      // An if in disguise: both outcomes are as likely, and the processor would guess half of them wrong.
      if (slot === second) return first + ((second - first) & -(cost < firstCost));
      firstCost = cost;
      slot = second;
    }
  }

  /** Reads the peaks as they were last stored, and stores them decayed now and then: the decay of all would be most of the work. */
  cheapest(view: PickableView, random: Random, nowMs: number): number {
    if (nowMs >= this.refreshAtMs) this.refresh(view, nowMs);
    const silenceUntilMs = this.isSomeoneSilent ? nowMs : 0;
    const { slots, count, cells } = view;
    let best = slots[0] as number;
    let lowest = Number.POSITIVE_INFINITY;
    let ties = 0;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const cost = storedCost(cells, slot * STRIDE, silenceUntilMs);
      if (cost < lowest) {
        lowest = cost;
        best = slot;
        ties = 1;
      } else if (cost === lowest && random.next() * ++ties < 1) {
        // Of k that cost the same, each is left with the chance 1/k: the last of them replaces the one held so often.
        best = slot;
      }
    }
    return best;
  }

  private refresh({ slots, count, cells }: PickableView, nowMs: number): void {
    this.refreshAtMs = nowMs + this.decayMs * FRESH;
    this.isSomeoneSilent = false;
    for (let place = 0; place < count; place++) {
      const cell = (slots[place] as number) * STRIDE;
      const load = cells[cell + PEAK] as number;
      const ageMs = nowMs - (cells[cell + STAMP] as number);
      if (load === 0) continue;
      const peakMs = Math.max(LEAST_PEAK_MS, Math.abs(load) * Math.exp(-Math.max(0, ageMs) / this.decayMs));
      if (nowMs - (cells[cell + OWED_SINCE] as number) > peakMs) this.isSomeoneSilent = true;
      if (ageMs <= 0) continue;
      cells[cell + PEAK] = load < 0 ? -peakMs : peakMs;
      cells[cell + STAMP] = nowMs;
    }
  }

  settle(cells: Float64Array, cell: number, endpoint: Endpoint, verdict: Verdict, latencyMs: number, nowMs: number): void {
    if (verdict === 'ignored') return;
    const load = cells[cell + PEAK] as number;
    const decayed = Math.abs(load) * Math.exp(((cells[cell + STAMP] as number) - nowMs) / this.decayMs);
    const observedMs = Math.max(latencyMs, LEAST_LATENCY_MS);
    const retryAfterMs = Math.min(endpoint.retryAfterMs - nowMs, MAX_RETRY_AFTER_MS);
    if (verdict !== 'success') {
      const penaltyMs = load === 0 ? this.penaltyMs : Math.min(this.penaltyMs, decayed * FAILURE_FACTOR);
      cells[cell + PEAK] = -Math.max(observedMs, penaltyMs, retryAfterMs, decayed);
    } else if (load >= 0) {
      cells[cell + PEAK] = Math.max(observedMs, decayed);
    } else if (retryAfterMs > 0) {
      return;
    } else {
      const left = decayed / FAILURE_FACTOR;
      cells[cell + PEAK] = left > observedMs ? -left : observedMs;
    }
    cells[cell + STAMP] = nowMs;
  }
}
