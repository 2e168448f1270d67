/**
 * What is going to happen in a simulation, the soonest first.
 *
 * Everything that happens is an object that knows its time and its place in the heap, so that one which is called off
 * is taken out at once: nearly every timeout is, and those would otherwise fill the heap until their time came. Events
 * of the same time happen in the order in which they were planned, which makes a run repeatable.
 */

/** Something that happens at its time. */
export abstract class SimulatedEvent {
  /** When it happens, in milliseconds of virtual time. */
  dueMs = 0;
  /** Which of all events it was planned as. */
  order = 0;
  /** Its place in the heap; -1 while it is not planned. */
  place = -1;

  /** It happens. Returns whether promises may have settled by it; where none has, the next event may follow at once. */
  abstract fire(): boolean;
}

/** The events that are planned. */
export class EventHeap {
  private readonly heap: SimulatedEvent[] = [];
  private planned = 0;

  get size(): number {
    return this.heap.length;
  }

  /** The event that happens next. */
  get first(): SimulatedEvent | undefined {
    return this.heap[0];
  }

  /** Plans an event, or moves one that is planned already. */
  plan(event: SimulatedEvent, dueMs: number): void {
    if (event.place >= 0) this.remove(event);
    event.dueMs = dueMs;
    event.order = this.planned++;
    this.heap.push(event);
    this.rise(event, this.heap.length - 1);
  }

  /** Takes an event out, if it is planned. */
  remove(event: SimulatedEvent): void {
    const { place } = event;
    if (place < 0) return;
    event.place = -1;
    const last = this.heap.pop() as SimulatedEvent;
    if (last === event) return;
    this.sink(last, place);
    if (last.place === place) this.rise(last, place);
  }

  private rise(event: SimulatedEvent, from: number): void {
    const { heap } = this;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as SimulatedEvent;
      if (!isBefore(event, parent)) break;
      heap[place] = parent;
      parent.place = place;
      place = above;
    }
    heap[place] = event;
    event.place = place;
  }

  private sink(event: SimulatedEvent, from: number): void {
    const { heap } = this;
    const { length } = heap;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= length) break;
      const right = below + 1;
      if (right < length && isBefore(heap[right] as SimulatedEvent, heap[below] as SimulatedEvent)) below = right;
      const child = heap[below] as SimulatedEvent;
      if (!isBefore(child, event)) break;
      heap[place] = child;
      child.place = place;
      place = below;
    }
    heap[place] = event;
    event.place = place;
  }
}

function isBefore(one: SimulatedEvent, other: SimulatedEvent): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
