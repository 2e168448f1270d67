import type { Clock } from '../core/clock.js';

/** Waits without keeping the process alive. Rejects with the signal's reason, and leaves no timer, when `signal` is aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stopped = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.setTimer(() => {
      signal.removeEventListener('abort', stopped);
      resolve();
    }, delayMs);
    timer.unref();
    signal.addEventListener('abort', stopped, { once: true });
  });
}

/** Lets others have the event loop. A timer and not a microtask: their sockets and timers come first. */
export function othersTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, 0).unref();
  });
}
