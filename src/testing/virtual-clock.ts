import type { Clock, Timer } from '../core/clock.js';

/**
 * A clock that stands still until a test moves it. Handed to `createMesh({ clock })` it makes ten minutes of
 * failures pass in milliseconds, and twice the same.
 *
 * @example
 * const clock = new VirtualClock();
 * const mesh = createMesh({ clock, discovery, transport });
 * const answer = mesh.fetch('http://users/42');
 * await clock.advance(500);
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  readonly #timers: VirtualTimer[] = [];

  /** `wallTimeMs`: what the wall clock shows at the start, in milliseconds since 1970. Default 2026-01-01. */
  constructor({ wallTimeMs = Date.UTC(2026, 0, 1) }: { readonly wallTimeMs?: number } = {}) {
    this.#wallOffsetMs = wallTimeMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallTime(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  /** Sets the wall clock, as a correction of the machine's time would; `now()` goes on untouched. */
  setWallTime(wallTimeMs: number): void {
    this.#wallOffsetMs = wallTimeMs - this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new VirtualTimer(callback, this.#nowMs + Math.max(0, delayMs));
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as VirtualTimer).dueMs <= timer.dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  /** Timers that are set and not called off. */
  get pendingTimers(): number {
    return this.#timers.filter((timer) => !timer.cancelled).length;
  }

  /** Lets everything happen that is due now or follows from it without waiting. */
  async settle(): Promise<void> {
    await this.advance(0);
  }

  /** Moves time on by `ms`, firing each timer at its own time and letting its consequences happen before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turn();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#timers.shift();
      if (next.cancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fire();
      await turn();
    }
    this.#nowMs = untilMs;
  }
}

class VirtualTimer implements Timer {
  cancelled = false;
  constructor(
    private readonly callback: () => void,
    readonly dueMs: number,
  ) {}
  fire(): void {
    this.cancelled = true;
    this.callback();
  }
  cancel(): void {
    this.cancelled = true;
  }
  ref(): void {}
  unref(): void {}
}

/** A turn of the event loop: every promise that can settle has settled after it. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
