import type { Clock } from '../core/clock.js';
import type { ProcessUsage } from './process-usage.js';

/**
 * How busy a server is, kept up to date by its requests alone: there is no timer, so nothing keeps the process alive
 * and an idle server does no work.
 *
 * Rates and means are over the last `averageMs` or so. Each sum is forgotten exponentially and divided by the time
 * that is remembered, which is forgotten in the same way; so a rate is right from the start and not only once the
 * time has passed. It matters that the rate and the utilization look back equally far: a client divides one by the
 * other, and while a server speeds up, two different memories would make it look larger or smaller than it is.
 *
 * The utilization that counts is the larger one of two. A Node server's limit is mostly its event loop, which is one
 * thread: busy all the time it is full, though seven of eight CPUs are idle. Its share of busy time also shows a
 * neighbour that takes the CPU away. The CPU counts for servers that work in other threads.
 */

/** For how long numbers of the system and the text made of them are used again. */
const REFRESH_MS = 200;

/** Before that, rate and utilization are left out: they would be those of starting up. */
const WARM_UP_MS = 1_000;

/**
 * With less than that much left of its requests, a server does not say how long they took: one answer is forgotten after
 * three times `averageMs`. Or a slow first answer would be what it says for as long as nobody asks it because of that.
 */
const FORGOTTEN = 0.05;

export class ServerLoad {
  /** Requests begun and not yet over. */
  inFlight = 0;
  private readonly startMs: number;
  private stampMs: number;
  /** What is remembered: time, and what happened in it. */
  private elapsedMs = 0;
  private requests = 0;
  private errors = 0;
  private serviceMs = 0;
  private used: ProcessUsage;
  private usedAtMs: number;
  private sampledMs = 0;
  private cpuMs = 0;
  private loopMs = 0;
  private text = '';
  private textUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly averageMs: number,
    private readonly clock: Clock,
    private readonly usage: () => ProcessUsage,
  ) {
    this.startMs = this.stampMs = this.usedAtMs = clock.now();
    this.used = usage();
  }

  /** A request begins; returns when. */
  begin(): number {
    this.inFlight++;
    return this.clock.now();
  }

  /** A request is over, its answer's body included. */
  end(): void {
    this.inFlight--;
  }

  /** The headers of an answer are written. */
  answered(status: number, begunMs: number): void {
    const nowMs = this.clock.now();
    this.forget(nowMs);
    this.requests++;
    this.serviceMs += nowMs - begunMs;
    if (status >= 500) this.errors++;
  }

  /** What to say of it in an answer to a request that is still counted as in flight. */
  report(): string {
    return this.describedWith(Math.max(0, this.inFlight - 1));
  }

  /** What to say of it to a probe, which is not counted. */
  probeReport(): string {
    return this.describedWith(Math.max(0, this.inFlight));
  }

  private describedWith(inFlight: number): string {
    const nowMs = this.clock.now();
    if (nowMs >= this.textUntilMs) {
      this.text = this.describe(nowMs);
      // Before the first answer there is nothing to say, and after it there is.
      if (this.text !== '') this.textUntilMs = nowMs + REFRESH_MS;
    }
    return `TEXT named_metrics.rif=${inFlight}${this.text}`;
  }

  private describe(nowMs: number): string {
    this.forget(nowMs);
    let text = '';
    if (this.requests >= FORGOTTEN) text += `,named_metrics.svc=${rounded(this.serviceMs / this.requests)}`;
    if (nowMs - this.startMs < WARM_UP_MS) return text;
    this.sample(nowMs);
    const cpu = this.cpuMs / this.sampledMs;
    text += `,cpu_utilization=${rounded(cpu)},application_utilization=${rounded(Math.max(cpu, this.loopMs / this.sampledMs))}`;
    text += `,rps_fractional=${rounded((this.requests / this.elapsedMs) * 1_000)},eps=${rounded((this.errors / this.elapsedMs) * 1_000)}`;
    return text;
  }

  private forget(nowMs: number): void {
    const passedMs = nowMs - this.stampMs;
    if (passedMs <= 0) return;
    const kept = Math.exp(-passedMs / this.averageMs);
    this.stampMs = nowMs;
    this.elapsedMs = this.elapsedMs * kept + this.averageMs * (1 - kept);
    this.requests *= kept;
    this.errors *= kept;
    this.serviceMs *= kept;
  }

  /** What was used since the last look is taken to have been used evenly. */
  private sample(nowMs: number): void {
    const passedMs = nowMs - this.usedAtMs;
    if (passedMs <= 0) return;
    const before = this.used;
    const kept = Math.exp(-passedMs / this.averageMs);
    const counted = (this.averageMs * (1 - kept)) / passedMs;
    this.used = this.usage();
    this.usedAtMs = nowMs;
    this.sampledMs = this.sampledMs * kept + passedMs * counted;
    this.cpuMs = this.cpuMs * kept + Math.max(0, this.used.cpuMs - before.cpuMs) * counted;
    this.loopMs = this.loopMs * kept + Math.max(0, this.used.loopMs - before.loopMs) * counted;
  }
}

/** Four digits after the point are more than any of these numbers is worth. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
