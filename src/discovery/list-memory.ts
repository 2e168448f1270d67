import type { Clock, Timer } from '../core/clock.js';
import type { InstanceInput } from '../core/discovery.js';

/** A list that an earlier process, or this one before, had from the source. */
export interface RememberedList {
  readonly instances: readonly InstanceInput[];
  /** For how long nobody has confirmed it, in milliseconds. */
  readonly ageMs: number;
}

/** Where last good lists are kept beyond the life of the process. */
export interface ListMemory {
  /** How long a source may say nothing before a remembered list serves, in milliseconds. */
  readonly waitMs: number;
  /** Whether what is remembered can be told. */
  readonly isLoaded: boolean;
  /** Begins to load, if need be, and calls back once it is done; at once where it is done already. */
  whenLoaded(then: () => void): void;
  recall(service: string): RememberedList | undefined;
  /** A list has changed: it is worth remembering. */
  changed(): void;
}

/**
 * The list that one service has on loan from memory, until its source gives it one.
 *
 * It is for a process that starts while its registry is down. A registry that answers, and be it that it does not
 * know the service, is not down.
 */
export class LoanedList {
  private rightAtMs: number | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private isOver = false;

  constructor(
    private readonly service: string,
    private readonly memory: ListMemory | undefined,
    private readonly clock: Clock,
  ) {}

  /** The watch begins: a source that says nothing for a while is one that failed. */
  begin(onSilence: () => void): void {
    if (this.memory === undefined || this.isOver) return;
    this.memory.whenLoaded(() => {});
    this.timer = this.clock.setTimer(onSilence, this.memory.waitMs);
    this.timer.unref();
  }

  /** Whether it cannot be told yet what is remembered. If so, `then` is called when it can, unless a list came before. */
  isAwaited(then: () => void): boolean {
    if (this.memory === undefined || this.memory.isLoaded || this.isOver) return false;
    this.memory.whenLoaded(() => {
      if (!this.isOver) then();
    });
    return true;
  }

  /** The remembered list, which serves from now on. */
  take(): RememberedList | undefined {
    if (this.isOver || this.isServing) return undefined;
    const list = this.memory?.recall(this.service);
    if (list !== undefined) this.rightAtMs = this.clock.now() - list.ageMs;
    return list;
  }

  get isServing(): boolean {
    return this.rightAtMs !== undefined;
  }

  /** For how long nobody has confirmed the list; undefined unless it serves. */
  get ageMs(): number | undefined {
    return this.rightAtMs === undefined ? undefined : this.clock.now() - this.rightAtMs;
  }

  /** The source gave a list of its own, or nobody wants one any more. */
  end(): void {
    this.isOver = true;
    this.rightAtMs = undefined;
    this.timer?.cancel();
    this.timer = undefined;
  }
}
