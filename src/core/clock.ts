/**
 * Time comes in through this door alone. Everything that waits, expires or measures takes a `Clock`, so
 * that the whole library runs on the virtual clock of `fetchmesh/testing`; the linter forbids timers and
 * `Date` everywhere else.
 */

/** A timer that was set and has not fired yet. */
export interface Timer {
  /** Stops the timer; does nothing when it has fired. */
  cancel(): void;
  /** Lets the timer keep the process alive (the state it starts in). */
  ref(): void;
  /** Lets the process end although the timer is set. */
  unref(): void;
}

/** A source of time. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Milliseconds since the Unix epoch. May jump; used only where another party's clock is meant. */
  wallTime(): number;
  /** Calls back once, no sooner than `delayMs` from now. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;
  constructor(callback: () => void, delayMs: number) {
    this.#handle = setTimeout(callback, delayMs);
  }
  cancel(): void {
    clearTimeout(this.#handle);
  }
  ref(): void {
    this.#handle.ref();
  }
  unref(): void {
    this.#handle.unref();
  }
}

/** The longest delay that Node's timers take; longer ones would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, Math.min(delayMs, MAX_DELAY_MS)),
};
