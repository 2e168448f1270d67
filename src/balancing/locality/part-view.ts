import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import { type ViewListener, ViewListeners } from '../../core/view-listeners.js';
import { WeightCensus } from '../../core/weight-census.js';

/** What a slot's entry says in `standing`; from 2 on it is the place among the pickable ones, plus 2. */
const ABSENT = 0;
const SHUT = 1;
const FIRST_PLACE = 2;

/**
 * Some of the endpoints of a view, for a balancer that chooses among these alone. It has the view's own cells, so that
 * what one picker learns of an endpoint is known to all, and a dense array of its own pickable ones.
 *
 * It does not decide who belongs to it: whoever follows the whole view tells it, one endpoint at a time, and each of
 * these costs the same however many there are. It keeps four bytes for each slot of the whole.
 */
export class PartView implements PickableView {
  readonly bySlot: readonly (Endpoint | undefined)[];
  slots: Int32Array = new Int32Array(4);
  count = 0;
  size = 0;
  uniform = true;
  maxWeight = 1;
  /** Attempts begun and not yet over, on its members. */
  inFlight = 0;
  changes = 0;
  private standing: Int32Array = new Int32Array(4);
  private readonly census = new WeightCensus();
  private readonly listeners = new ViewListeners();

  constructor(private readonly whole: PickableView) {
    this.bySlot = whole.bySlot;
  }

  /** The whole's: it is replaced when the whole grows. */
  get cells(): Float64Array {
    return this.whole.cells;
  }

  /** The whole's, like its cells. */
  get weights(): Float64Array {
    return this.whole.weights;
  }

  /** An endpoint of the whole belongs to this part from now on. */
  join(endpoint: Endpoint): void {
    this.standing = grown(this.standing, endpoint.slot + 1);
    this.standing[endpoint.slot] = SHUT;
    this.size++;
    this.inFlight += endpoint.inFlight;
    this.countWeight(endpoint.instance.weight, 1);
    this.listeners.tell('added', endpoint);
    if (endpoint.position >= 0) this.open(endpoint);
  }

  /** A member does not belong to it any more. `instance` is what was said of it while it did. */
  leave(endpoint: Endpoint, instance: Instance = endpoint.instance): void {
    this.shut(endpoint);
    this.listeners.tell('removed', endpoint);
    this.standing[endpoint.slot] = ABSENT;
    this.size--;
    this.inFlight -= endpoint.inFlight;
    this.countWeight(instance.weight, -1);
  }

  /** A member can be picked. */
  open(endpoint: Endpoint): void {
    const { slot } = endpoint;
    if (this.standing[slot] !== SHUT) return;
    this.slots = grown(this.slots, this.count + 1);
    this.standing[slot] = this.count + FIRST_PLACE;
    this.slots[this.count++] = slot;
    this.changes++;
    this.listeners.tell('opened', endpoint);
  }

  /** A member cannot be picked. */
  shut(endpoint: Endpoint): void {
    const place = (this.standing[endpoint.slot] as number) - FIRST_PLACE;
    if (place < 0) return;
    const last = this.slots[--this.count] as number;
    this.slots[place] = last;
    this.standing[last] = place + FIRST_PLACE;
    this.standing[endpoint.slot] = SHUT;
    this.changes++;
    this.listeners.tell('shut', endpoint);
  }

  /** The registry said something new of a member, which stays one. */
  change(endpoint: Endpoint, before: Instance): void {
    const { weight } = endpoint.instance;
    if (weight !== before.weight) {
      this.countWeight(before.weight, -1);
      this.countWeight(weight, 1);
    }
    this.listeners.tell('changed', endpoint, before);
  }

  /** An attempt on a member began or is over. */
  track(endpoint: Endpoint, change: 1 | -1): void {
    this.inFlight += change;
    this.listeners.track(endpoint, change);
  }

  offers({ slot }: Endpoint): boolean {
    return (this.standing[slot] ?? ABSENT) >= FIRST_PLACE;
  }

  *[Symbol.iterator](): Generator<Endpoint> {
    for (let slot = 0; slot < this.standing.length; slot++) {
      const endpoint = this.bySlot[slot];
      if (this.standing[slot] !== ABSENT && endpoint !== undefined) yield endpoint;
    }
  }

  listen(listener: ViewListener): () => void {
    return this.listeners.add(listener);
  }

  private countWeight(weight: number, change: 1 | -1): void {
    this.changes++;
    this.census.count(weight, change);
    this.uniform = this.census.uniform;
    this.maxWeight = this.census.largest;
  }
}
