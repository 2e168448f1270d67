import type { Clock } from '../core/clock.js';
import type { MeshError } from '../core/errors.js';

/** Somebody who waits for a service's list: a call, or a process that starts. */
export interface Waiter {
  /** How many endpoints are wanted; with 0 an empty list will do. */
  readonly minEndpoints: number;
  /** Whether to go on waiting when the source fails: a start-up does, a call does not. */
  readonly patient: boolean;
  readonly timeoutMs: number;
  /** Makes the error for a wait that took too long. */
  timedOut(): MeshError;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Those who wait for the list of one service. However many they are, there is one watch; each has a time of
 * its own, on a timer that keeps the process alive, because somebody awaits the outcome.
 */
export class ListWaiters {
  private readonly waiting = new Map<Waiter, () => void>();

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.waiting.size;
  }

  /** Lets one wait. Returns how it gives up, after which it hears nothing. */
  enter(waiter: Waiter): () => void {
    const leave = (): void => {
      timer?.cancel();
      this.waiting.delete(waiter);
    };
    const timer =
      waiter.timeoutMs === Number.POSITIVE_INFINITY
        ? undefined
        : this.clock.setTimer(() => {
            leave();
            waiter.reject(waiter.timedOut());
          }, waiter.timeoutMs);
    this.waiting.set(waiter, leave);
    return leave;
  }

  /** There is a list, of so many endpoints. */
  listCame(size: number): void {
    for (const [waiter, leave] of this.waiting) {
      if (size < waiter.minEndpoints) continue;
      leave();
      waiter.resolve();
    }
  }

  /** The source failed: the impatient do not wait for more. */
  failed(makeError: () => MeshError): void {
    for (const [waiter, leave] of this.waiting) {
      if (waiter.patient) continue;
      leave();
      waiter.reject(makeError());
    }
  }

  /** There will be no list. */
  close(makeError: () => MeshError): void {
    for (const [waiter, leave] of this.waiting) {
      leave();
      waiter.reject(makeError());
    }
  }
}
