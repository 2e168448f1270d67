import type { Clock, Timer } from './clock.js';

/**
 * The timeouts of all calls, on one timer.
 *
 * Nearly every timeout is set and then called off, so setting and calling off must cost next to nothing: a
 * deadline is a link in the list of its due time, and due times are rounded up to a grid that gets coarser
 * the further away they are (at most 1/64 of the delay late, never early). A service with thousands of calls
 * in flight thus has some hundred due times, and one timer set for the nearest. This is the idea of timing
 * wheels (Varghese and Lauck, SOSP 1987) with a heap of slots in place of the wheel.
 *
 * The timer never keeps the process alive: what a call waits for (its socket, its delay) does.
 */

/** Who is told that a deadline passed, and about which subject. */
export interface DeadlineOwner<Subject> {
  /** The time of `subject` is over. Called once, and not after `cancel`. */
  expired(subject: Subject): void;
}

/** A deadline that was set: call it off with `cancel`. */
export interface Deadline {
  /** Does nothing for one that has passed. */
  cancel(): void;
}

class Entry implements Deadline {
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  constructor(
    readonly owner: DeadlineOwner<unknown>,
    readonly subject: unknown,
    public slot: Slot | undefined,
  ) {}

  cancel(): void {
    const { slot, previous, next } = this;
    if (slot === undefined) return;
    this.slot = undefined;
    if (previous !== undefined) previous.next = next;
    else slot.head = next;
    if (next !== undefined) next.previous = previous;
  }
}

interface Slot {
  readonly dueMs: number;
  head: Entry | undefined;
  /** Its time has come: nothing may be added any more. */
  over: boolean;
}

/** The longest time that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

/** Deadlines on one timer: for policies that set one for nearly every call and call nearly all of them off. */
export class DeadlineQueue {
  private readonly slots = new Map<number, Slot>();
  private readonly heap: Slot[] = [];
  /** The slot that was last used, by grain. */
  private readonly latest: Slot[] = [];
  private timer: Timer | undefined = undefined;
  private timerDueMs = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  /** Tells `owner.expired(subject)` once, `delayMs` after `nowMs`. */
  set<Subject>(delayMs: number, nowMs: number, owner: DeadlineOwner<Subject>, subject: Subject): Deadline {
    // 64 to 128 grains to a delay. Longer delays than a month share the coarsest grain.
    const grain = Math.max(0, 25 - Math.clz32(Math.min(delayMs, LONGEST_MS)));
    const grainMs = 1 << grain;
    const dueMs = Math.ceil((nowMs + delayMs) / grainMs) * grainMs;
    // Calls that come close together mostly share their due time.
    let slot = this.latest[grain];
    if (slot === undefined || slot.dueMs !== dueMs || slot.over) slot = this.slotAt(dueMs, grain);
    const entry = new Entry(owner as DeadlineOwner<unknown>, subject, slot);
    const { head } = slot;
    if (head !== undefined) {
      head.previous = entry;
      entry.next = head;
    }
    slot.head = entry;
    return entry;
  }

  private slotAt(dueMs: number, grain: number): Slot {
    let slot = this.slots.get(dueMs);
    if (slot === undefined) {
      slot = { dueMs, head: undefined, over: false };
      this.slots.set(dueMs, slot);
      pushHeap(this.heap, slot);
      // By the clock and not by the caller's time, which may be old: one late caller must not delay everybody's deadlines.
      if (dueMs < this.timerDueMs) this.arm(dueMs, this.clock.now());
    }
    this.latest[grain] = slot;
    return slot;
  }

  /** Forgets every deadline. */
  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerDueMs = Number.POSITIVE_INFINITY;
    for (const slot of this.heap) {
      slot.head = undefined;
      slot.over = true;
    }
    this.heap.length = 0;
    this.slots.clear();
  }

  private arm(dueMs: number, nowMs: number): void {
    this.timer?.cancel();
    this.timerDueMs = dueMs;
    this.timer = this.clock.setTimer(this.fire, Math.max(0, dueMs - nowMs));
    this.timer.unref();
  }

  private readonly fire = (): void => {
    this.timer = undefined;
    this.timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.now();
    for (let slot = this.heap[0]; slot !== undefined; slot = this.heap[0]) {
      if (slot.dueMs > nowMs && slot.head !== undefined) break;
      popHeap(this.heap);
      this.slots.delete(slot.dueMs);
      slot.over = true;
      for (let entry = slot.head; entry !== undefined; entry = slot.head) {
        entry.cancel();
        entry.owner.expired(entry.subject);
      }
    }
    const nearest = this.heap[0];
    if (nearest !== undefined && nearest.dueMs < this.timerDueMs) this.arm(nearest.dueMs, nowMs);
  };
}

function pushHeap(heap: Slot[], slot: Slot): void {
  let index = heap.push(slot) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Slot;
    if (above.dueMs <= slot.dueMs) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = slot;
}

function popHeap(heap: Slot[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] as Slot).dueMs < (heap[child] as Slot).dueMs) child++;
    const below = heap[child] as Slot;
    if (below.dueMs >= last.dueMs) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
