import { grown } from '../../core/grown.js';
import { type LatencySummary, latencySummary } from './latency-summary.js';

/** What became of the requests that were sent within a stretch of time. */
export interface TimeBucket {
  /** When the stretch begins, in milliseconds of virtual time. */
  readonly fromMs: number;
  /** Requests sent in it that came to an end. */
  readonly requests: number;
  /** Those of them that succeeded. */
  readonly successes: number;
  /** How long they took, failures included. */
  readonly latency: LatencySummary;
}

/** Every request since measuring began: when it was sent, how long it took, what became of it. */
export class RequestLog {
  /** Requests sent. */
  sent = 0;
  private size = 0;
  private startsMs = new Float64Array(1_024);
  private latenciesMs = new Float64Array(1_024);
  private outcomes = new Uint16Array(1_024);
  /** Outcomes by what the caller saw: a status or an error's code. */
  private readonly numbers = new Map<number | string, number>();

  constructor(private readonly fromMs: number) {}

  /** A request is sent. */
  begin(startMs: number): void {
    if (startMs >= this.fromMs) this.sent++;
  }

  /** A request is over. Returns a number that stands for its outcome. */
  add(startMs: number, latencyMs: number, outcome: number | string): number {
    let number = this.numbers.get(outcome);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(outcome, number);
    }
    if (startMs < this.fromMs) return number;
    if (this.size === this.startsMs.length) this.grow();
    this.startsMs[this.size] = startMs;
    this.latenciesMs[this.size] = latencyMs;
    this.outcomes[this.size] = number;
    this.size++;
    return number;
  }

  /** How many requests ended in each way, by status or error code; `unanswered` for those that did not end. */
  counts(): Record<string, number> {
    const byNumber = new Float64Array(this.numbers.size);
    for (let index = 0; index < this.size; index++) {
      const number = this.outcomes[index] as number;
      byNumber[number] = (byNumber[number] as number) + 1;
    }
    const counts: Record<string, number> = {};
    for (const [outcome, number] of this.numbers) {
      const count = byNumber[number] as number;
      if (count > 0) counts[outcome] = count;
    }
    if (this.sent > this.size) counts.unanswered = this.sent - this.size;
    return counts;
  }

  /** How many succeeded: were answered with a status below 400. */
  successes(): number {
    const good = this.good();
    let successes = 0;
    for (let index = 0; index < this.size; index++) if (good[this.outcomes[index] as number] === true) successes++;
    return successes;
  }

  /** How long each request took, in ascending order: all that ended, or those that succeeded. */
  latencies(which: 'all' | 'successes'): Float64Array {
    const all = this.latenciesMs.subarray(0, this.size);
    if (which === 'all') return all.slice().sort();
    const good = this.good();
    return all.filter((_ms, index) => good[this.outcomes[index] as number] === true).sort();
  }

  /** The same, by when requests were sent. */
  series(stepMs: number, untilMs: number): TimeBucket[] {
    const count = Math.max(1, Math.ceil((untilMs - this.fromMs) / stepMs));
    const good = this.good();
    const latencies: number[][] = Array.from({ length: count }, () => []);
    const successes = new Float64Array(count);
    for (let index = 0; index < this.size; index++) {
      const bucket = Math.min(count - 1, Math.floor(((this.startsMs[index] as number) - this.fromMs) / stepMs));
      latencies[bucket]?.push(this.latenciesMs[index] as number);
      if (good[this.outcomes[index] as number] === true) successes[bucket] = (successes[bucket] as number) + 1;
    }
    return latencies.map((list, bucket) => ({
      fromMs: this.fromMs + bucket * stepMs,
      requests: list.length,
      successes: successes[bucket] as number,
      latency: latencySummary(Float64Array.from(list).sort()),
    }));
  }

  private good(): boolean[] {
    return [...this.numbers.keys()].map((outcome) => typeof outcome === 'number' && outcome < 400);
  }

  private grow(): void {
    const larger = 2 * this.size;
    this.startsMs = grown(this.startsMs, larger);
    this.latenciesMs = grown(this.latenciesMs, larger);
    this.outcomes = grown(this.outcomes, larger);
  }
}
