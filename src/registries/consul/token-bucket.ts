import type { Clock } from '../../core/clock.js';
import { pause } from '../pause.js';

/**
 * Bounds how often a watch reads. HashiCorp's advice for loops of blocking queries is a token bucket and not a sleep:
 * the first change after a quiet time is read at once, and only one that follows upon others waits.
 */
export class TokenBucket {
  private tokens: number;
  private filledAtMs: number;

  /** One token comes every `intervalMs`; no more than `burst` are kept. */
  constructor(
    private readonly clock: Clock,
    private readonly intervalMs: number,
    private readonly burst: number,
  ) {
    this.tokens = burst;
    this.filledAtMs = clock.now();
  }

  /** Takes a token, and waits for one where there is none. Rejects when `signal` is aborted meanwhile. */
  async take(signal: AbortSignal): Promise<void> {
    this.fill();
    this.tokens--;
    if (this.tokens < 0) await pause(this.clock, -this.tokens * this.intervalMs, signal);
  }

  private fill(): void {
    const nowMs = this.clock.now();
    this.tokens = Math.min(this.burst, this.tokens + (nowMs - this.filledAtMs) / this.intervalMs);
    this.filledAtMs = nowMs;
  }
}
