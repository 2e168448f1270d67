import type { Endpoint, Instance } from './endpoint.js';
import type { ShutReason, Shutter } from './gate.js';
import { grown } from './grown.js';
import { LatencyTable } from './latency-table.js';
import { type ViewListener, ViewListeners } from './view-listeners.js';
import { WeightCensus } from './weight-census.js';

/**
 * The endpoints of a service as a balancer sees them: the pickable ones, dense, so that a pick costs the same
 * however many there are and however many of them are shut.
 *
 * What a pick reads of an endpoint lies side by side in `cells`, four numbers to a slot: an array of objects
 * would cost a cache miss for every endpoint looked at.
 */

/** Numbers to a slot in `cells`. */
export const CELLS = 4;
/** Attempts in flight. */
export const IN_FLIGHT = 0;
/** Two numbers that belong to the load measure of the service's balancer; 0 for an endpoint never measured. */
export const LOAD = 1;
/** The second of the two; by convention, when the first was written. */
export const LOAD_STAMP = 2;
/** When it last gave a sign of life while it owes an answer, by the mesh's clock; Infinity while it owes none. */
export const OWING = 3;

/** Who is told when an endpoint becomes unfit and fit again. */
export interface ViewObserver {
  ejected(endpoint: Endpoint, untilMs: number | undefined): void;
  recovered(endpoint: Endpoint): void;
}

interface PriorityGroup {
  readonly priority: number;
  slots: Int32Array;
  count: number;
  members: number;
}

/**
 * What a picker sees: all endpoints of a service, or the part of them that a balancer around it lets it choose from.
 * It reads this and changes nothing. `cells` and `weights` may be other arrays after endpoints were added.
 */
export interface PickableView extends Iterable<Endpoint> {
  /** Four numbers to a slot: requests in flight, two of the load measure's, since when it owes an answer. */
  readonly cells: Float64Array;
  /** The endpoint's weight in each slot, above 0. */
  readonly weights: Float64Array;
  /** The endpoint in each slot. Of a part, also slots of endpoints that do not belong to it. */
  readonly bySlot: readonly (Endpoint | undefined)[];
  /** The slots of the endpoints that can be picked now, in its first `count` places. */
  readonly slots: Int32Array;
  /** How many endpoints can be picked now. */
  readonly count: number;
  /** All endpoints, pickable or not. */
  readonly size: number;
  /** Whether all weights are the same. */
  readonly uniform: boolean;
  /** The largest weight there is, also of endpoints that cannot be picked. */
  readonly maxWeight: number;
  /** Attempts begun and not yet over; of a whole service, those on removed endpoints too. */
  readonly inFlight: number;
  /** Another number after each change of `slots`, `count` or a weight: what was worked out from them holds while it stays. */
  readonly changes: number;
  /** Whether an endpoint is among those that can be picked now. Costs the same however many there are. */
  offers(endpoint: Endpoint): boolean;
  /** Tells `listener` of every change from now on; returns how to stop that. */
  listen(listener: ViewListener): () => void;
}

/** The endpoints of a service: what pickers and policies see of them. They read it and change nothing. */
export class EndpointView implements PickableView {
  /** Four numbers to a slot: requests in flight, two of the load measure's, since when it owes an answer. */
  cells: Float64Array = new Float64Array(CELLS * 4);
  /** The endpoint's weight in each slot, above 0: apart from the cells, since a pick needs it only where weights differ. */
  weights: Float64Array = new Float64Array(4);
  /** The endpoint in each slot. */
  readonly bySlot: (Endpoint | undefined)[] = [];
  /** How long the endpoints took to answer, by slot: for people to look at. */
  readonly latencies = new LatencyTable();
  /** The slots of the endpoints that can be picked now, in its first `count` places. */
  slots: Int32Array;
  /** How many endpoints can be picked now. */
  count = 0;
  /** All endpoints, pickable or not. */
  size = 0;
  /** Endpoints that are shut for no other reason than that they are busy. */
  busy = 0;
  /** Whether all weights are the same. */
  uniform = true;
  /** The largest weight there is, also of endpoints that cannot be picked. */
  maxWeight = 1;
  /** Attempts begun and not yet over, on all endpoints, removed ones included. */
  inFlight = 0;
  /** Another number after each change of `slots`, `count` or a weight. */
  changes = 0;
  /** Retries stay away from the whole service until then: what a Retry-After of a 429 binds. */
  retryAfterMs = 0;
  private readonly groups: PriorityGroup[] = [];
  private readonly freeSlots: number[] = [];
  private readonly census = new WeightCensus();
  private readonly listeners = new ViewListeners();

  constructor(private readonly observer: ViewObserver) {
    this.slots = NONE;
  }

  /** Takes an endpoint in; it can be picked at once unless one of its gates is shut. */
  add(endpoint: Endpoint): void {
    const slot = this.freeSlots.pop() ?? this.bySlot.length;
    this.cells = grown(this.cells, (slot + 1) * CELLS);
    this.weights = grown(this.weights, slot + 1);
    endpoint.slot = slot;
    this.bySlot[slot] = endpoint;
    this.size++;
    const cell = slot * CELLS;
    this.cells[cell + IN_FLIGHT] = endpoint.inFlight;
    this.cells[cell + LOAD] = 0;
    this.cells[cell + LOAD_STAMP] = 0;
    this.cells[cell + OWING] = Number.POSITIVE_INFINITY;
    this.setWeight(endpoint, endpoint.instance.weight, 0);
    const group = this.groupOf(endpoint.instance.priority);
    group.members++;
    this.listeners.tell('added', endpoint);
    if (endpoint.shutGates === 0) this.enter(endpoint, group);
    else if (endpoint.shutGates === endpoint.busyGates) this.busy++;
  }

  /** Lets an endpoint go: it is not picked any more. */
  remove(endpoint: Endpoint): void {
    if (endpoint.slot < 0) return;
    const group = this.groupOf(endpoint.instance.priority);
    if (endpoint.position >= 0) this.leave(endpoint, group);
    else if (endpoint.shutGates === endpoint.busyGates) this.busy--;
    this.listeners.tell('removed', endpoint);
    if (--group.members === 0) this.groups.splice(this.groups.indexOf(group), 1);
    this.countWeight(endpoint.instance.weight, -1);
    this.latencies.clear(endpoint.slot);
    this.bySlot[endpoint.slot] = undefined;
    this.freeSlots.push(endpoint.slot);
    endpoint.slot = -1;
    this.size--;
    this.choose();
  }

  /** The registry says something else of an endpoint, at the same address. */
  change(endpoint: Endpoint, instance: Instance): void {
    const before = endpoint.instance;
    endpoint.instance = instance;
    if (instance.weight !== before.weight) this.setWeight(endpoint, instance.weight, before.weight);
    if (instance.priority !== before.priority) this.move(endpoint, before.priority);
    this.listeners.tell('changed', endpoint, before);
  }

  private move(endpoint: Endpoint, priority: number): void {
    const from = this.groupOf(priority);
    const to = this.groupOf(endpoint.instance.priority);
    const pickable = endpoint.position >= 0;
    if (pickable) this.leave(endpoint, from);
    if (--from.members === 0) this.groups.splice(this.groups.indexOf(from), 1);
    to.members++;
    if (pickable) this.enter(endpoint, to);
    this.choose();
  }

  /** An attempt on the endpoint begins (+1) or is over (-1). */
  track(endpoint: Endpoint, change: 1 | -1): void {
    endpoint.inFlight += change;
    this.inFlight += change;
    if (endpoint.slot < 0) return;
    this.cells[endpoint.slot * CELLS + IN_FLIGHT] = endpoint.inFlight;
    this.listeners.track(endpoint, change);
  }

  /**
   * The endpoint owes one more answer (+1), or has given one or failed to (-1). What it owes is told apart from what is
   * in flight, since the body of an answer may take hours and is no reason to doubt the endpoint.
   */
  owe(endpoint: Endpoint, change: 1 | -1, nowMs: number): void {
    endpoint.unanswered += change;
    if (endpoint.slot < 0 || (change === 1 && endpoint.unanswered > 1)) return;
    this.cells[endpoint.slot * CELLS + OWING] = endpoint.unanswered === 0 ? Number.POSITIVE_INFINITY : nowMs;
  }

  offers({ position, slot }: Endpoint): boolean {
    return position >= 0 && position < this.count && this.slots[position] === slot;
  }

  /** Every endpoint, pickable or not. */
  *[Symbol.iterator](): Generator<Endpoint> {
    for (const endpoint of this.bySlot) if (endpoint !== undefined) yield endpoint;
  }

  /** Tells `listener` of every change from now on; returns how to stop that. */
  listen(listener: ViewListener): () => void {
    return this.listeners.add(listener);
  }

  /** When the first of the unfit endpoints is expected back, by the mesh's clock; undefined if nobody knows. */
  reopensAtMs(): number | undefined {
    let earliest: number | undefined;
    for (const endpoint of this) {
      if (endpoint.shutGates === 0 || endpoint.shutUntilMs === 0) continue;
      if (earliest === undefined || endpoint.shutUntilMs < earliest) earliest = endpoint.shutUntilMs;
    }
    return earliest;
  }

  /** Makes the shutter of one more gate on `endpoint`. */
  shutterFor(endpoint: Endpoint): Shutter {
    return new GateShutter(this, endpoint);
  }

  /** One of the endpoint's gates turned from one state to another; undefined is open. */
  turn(endpoint: Endpoint, from: ShutReason | undefined, to: ShutReason | undefined, untilMs: number | undefined): void {
    const present = endpoint.slot >= 0;
    const wasPickable = endpoint.shutGates === 0;
    const wasBroken = endpoint.shutGates > endpoint.busyGates;
    endpoint.shutGates += (to === undefined ? 0 : 1) - (from === undefined ? 0 : 1);
    endpoint.busyGates += (to === 'busy' ? 1 : 0) - (from === 'busy' ? 1 : 0);
    const isPickable = endpoint.shutGates === 0;
    const isBroken = endpoint.shutGates > endpoint.busyGates;
    endpoint.shutUntilMs = isBroken ? (untilMs ?? endpoint.shutUntilMs) : 0;
    if (present) {
      const group = this.groupOf(endpoint.instance.priority);
      this.busy += (isPickable || isBroken ? 0 : 1) - (wasPickable || wasBroken ? 0 : 1);
      if (wasPickable && !isPickable) this.leave(endpoint, group);
      if (!wasPickable && isPickable) this.enter(endpoint, group);
      if (isBroken && !wasBroken) this.observer.ejected(endpoint, untilMs);
      if (wasBroken && !isBroken) this.observer.recovered(endpoint);
    }
  }

  private enter(endpoint: Endpoint, group: PriorityGroup): void {
    group.slots = grown(group.slots, group.count + 1);
    endpoint.position = group.count;
    group.slots[group.count++] = endpoint.slot;
    this.choose();
    this.listeners.tell('opened', endpoint);
  }

  private leave(endpoint: Endpoint, group: PriorityGroup): void {
    const { position } = endpoint;
    const last = group.slots[--group.count] as number;
    group.slots[position] = last;
    (this.bySlot[last] as Endpoint).position = position;
    endpoint.position = -1;
    this.choose();
    this.listeners.tell('shut', endpoint);
  }

  /** Shows the first priority that has an endpoint to offer. */
  private choose(): void {
    this.changes++;
    const group = this.groups.find((candidate) => candidate.count > 0);
    this.slots = group?.slots ?? NONE;
    this.count = group?.count ?? 0;
  }

  private groupOf(priority: number): PriorityGroup {
    let index = 0;
    for (; index < this.groups.length; index++) {
      const group = this.groups[index] as PriorityGroup;
      if (group.priority === priority) return group;
      if (group.priority > priority) break;
    }
    const group: PriorityGroup = { priority, slots: NONE, count: 0, members: 0 };
    this.groups.splice(index, 0, group);
    return group;
  }

  private setWeight(endpoint: Endpoint, weight: number, before: number): void {
    this.weights[endpoint.slot] = weight;
    if (before > 0) this.countWeight(before, -1);
    this.countWeight(weight, 1);
  }

  private countWeight(weight: number, change: 1 | -1): void {
    this.changes++;
    const { census } = this;
    census.count(weight, change);
    this.uniform = census.uniform;
    this.maxWeight = census.largest;
  }
}

const NONE = new Int32Array(0);

/** The state of one gate, told to the view when it changes. */
class GateShutter implements Shutter {
  private state: ShutReason | undefined = undefined;

  constructor(
    private readonly view: EndpointView,
    private readonly endpoint: Endpoint,
  ) {}

  shut(reason: ShutReason, untilMs?: number): void {
    if (this.state === reason) return;
    const was = this.state;
    this.state = reason;
    this.view.turn(this.endpoint, was, reason, untilMs);
  }

  open(): void {
    if (this.state === undefined) return;
    const was = this.state;
    this.state = undefined;
    this.view.turn(this.endpoint, was, undefined, undefined);
  }
}
