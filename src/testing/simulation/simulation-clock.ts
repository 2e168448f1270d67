import type { Clock, Timer } from '../../core/clock.js';
import { EventHeap, SimulatedEvent } from './event-heap.js';

/**
 * Time that jumps from event to event.
 *
 * Between two events every promise that can settle has to settle, since what follows from the first belongs to its
 * time. A turn of the event loop does that (VirtualClock takes one), and costs more than the event. A tick that is
 * asked for within a microtask does it too: Node runs it when the queue of microtasks is empty, however long that
 * queue became. A turn is taken now and then all the same, so that the process can do its other work.
 */
export class SimulationClock implements Clock {
  private nowMs = 0;
  private readonly heap = new EventHeap();
  /** Events that have happened. */
  happened = 0;

  now(): number {
    return this.nowMs;
  }

  wallTime(): number {
    return START_OF_TIME + this.nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new SimulatedTimer(callback, this);
    this.plan(timer, Math.max(0, delayMs));
    return timer;
  }

  /** Lets an event happen `delayMs` from now; one that is planned already is moved. */
  plan(event: SimulatedEvent, delayMs: number): void {
    this.heap.plan(event, this.nowMs + delayMs);
  }

  /** Calls an event off, if it is planned. */
  callOff(event: SimulatedEvent): void {
    this.heap.remove(event);
  }

  /** Events that are planned. */
  get planned(): number {
    return this.heap.size;
  }

  /** Lets events happen until `isOver` (asked before each of them), or until none is left. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let untilTurn = EVENTS_PER_TURN;
      const onceSettled = (): void => {
        process.nextTick(proceed);
      };
      const proceed = (): void => {
        try {
          let settles = false;
          while (!settles) {
            const event = this.heap.first;
            if (event === undefined || isOver()) {
              resolve();
              return;
            }
            this.heap.remove(event);
            this.nowMs = event.dueMs;
            this.happened++;
            settles = event.fire() || --untilTurn <= 0;
          }
        } catch (error) {
          reject(error);
          return;
        }
        if (--untilTurn > 0) {
          queueMicrotask(onceSettled);
        } else {
          untilTurn = EVENTS_PER_TURN;
          setImmediate(proceed);
        }
      };
      // What is under way settles before the first event.
      setImmediate(proceed);
    });
  }
}

/** A few milliseconds of work. */
const EVENTS_PER_TURN = 1_000;

/** What the wall clock shows at the beginning. */
const START_OF_TIME = Date.UTC(2026, 0, 1);

class SimulatedTimer extends SimulatedEvent implements Timer {
  constructor(
    private readonly callback: () => void,
    private readonly clock: SimulationClock,
  ) {
    super();
  }

  fire(): boolean {
    this.callback();
    return true;
  }

  cancel(): void {
    this.clock.callOff(this);
  }

  ref(): void {}

  unref(): void {}
}
