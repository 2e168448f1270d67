import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { type ViewListener, ViewListeners } from '../../core/view-listeners.js';
import { WeightCensus } from '../../core/weight-census.js';
import { PartView } from '../locality/part-view.js';

/** The members of one priority. */
interface Level {
  readonly priority: number;
  readonly view: PartView;
}

/**
 * Some of the endpoints of a view, of all priorities, shown as a whole service is: the first priority that has an
 * endpoint to offer, and to who follows it or looks through it, all of them. So any balancer stands on it, those that
 * deal with priorities by themselves included.
 */
export class PriorityView implements PickableView, ViewListener {
  readonly bySlot: readonly (Endpoint | undefined)[];
  uniform = true;
  maxWeight = 1;
  inFlight = 0;
  changes = 0;
  private readonly members = new Map<Endpoint, Level>();
  private readonly levels: Level[] = [];
  private shown: PartView | undefined = undefined;
  private readonly census = new WeightCensus();
  private readonly listeners = new ViewListeners();

  constructor(private readonly whole: PickableView) {
    this.bySlot = whole.bySlot;
  }

  get cells(): Float64Array {
    return this.whole.cells;
  }

  get weights(): Float64Array {
    return this.whole.weights;
  }

  get slots(): Int32Array {
    return this.shown === undefined ? NONE : this.shown.slots;
  }

  get count(): number {
    return this.shown === undefined ? 0 : this.shown.count;
  }

  get size(): number {
    return this.members.size;
  }

  has(endpoint: Endpoint): boolean {
    return this.members.has(endpoint);
  }

  offers(endpoint: Endpoint): boolean {
    return this.shown !== undefined && this.members.get(endpoint)?.view === this.shown && this.shown.offers(endpoint);
  }

  listen(listener: ViewListener): () => void {
    return this.listeners.add(listener);
  }

  [Symbol.iterator](): Iterator<Endpoint> {
    return this.members.keys();
  }

  /** An endpoint of the whole belongs to this part from now on. */
  join(endpoint: Endpoint): void {
    const { priority, weight } = endpoint.instance;
    const level = this.levelOf(priority);
    this.members.set(endpoint, level);
    this.inFlight += endpoint.inFlight;
    this.countWeight(weight, 1);
    level.view.join(endpoint);
  }

  /** A member does not belong to it any more. `instance` is what was said of it while it did. */
  leave(endpoint: Endpoint, instance: Instance): void {
    const level = this.members.get(endpoint);
    if (level === undefined) return;
    level.view.leave(endpoint, instance);
    this.members.delete(endpoint);
    this.inFlight -= endpoint.inFlight;
    this.countWeight(instance.weight, -1);
    if (level.view.size === 0) this.levels.splice(this.levels.indexOf(level), 1);
  }

  /** The registry said something new of a member, which stays one. */
  change(endpoint: Endpoint, before: Instance): void {
    const { priority, weight } = endpoint.instance;
    if (priority !== before.priority) {
      this.leave(endpoint, before);
      this.join(endpoint);
      return;
    }
    if (weight !== before.weight) {
      this.countWeight(before.weight, -1);
      this.countWeight(weight, 1);
    }
    this.members.get(endpoint)?.view.change(endpoint, before);
  }

  /** A member can be picked. */
  open(endpoint: Endpoint): void {
    this.members.get(endpoint)?.view.open(endpoint);
  }

  /** A member cannot be picked. */
  close(endpoint: Endpoint): void {
    this.members.get(endpoint)?.view.shut(endpoint);
  }

  /** An attempt on a member began or is over. */
  track(endpoint: Endpoint, change: 1 | -1): void {
    this.inFlight += change;
    this.listeners.track(endpoint, change);
  }

  added(endpoint: Endpoint): void {
    this.listeners.tell('added', endpoint);
  }

  removed(endpoint: Endpoint): void {
    this.listeners.tell('removed', endpoint);
  }

  changed(endpoint: Endpoint, before: Instance): void {
    this.listeners.tell('changed', endpoint, before);
  }

  opened(endpoint: Endpoint): void {
    this.choose();
    this.listeners.tell('opened', endpoint);
  }

  shut(endpoint: Endpoint): void {
    this.choose();
    this.listeners.tell('shut', endpoint);
  }

  private choose(): void {
    this.changes++;
    this.shown = this.levels.find(({ view }) => view.count > 0)?.view;
  }

  private levelOf(priority: number): Level {
    let index = this.levels.findIndex((level) => level.priority >= priority);
    if (index < 0) index = this.levels.length;
    const present = this.levels[index];
    if (present?.priority === priority) return present;
    const level = { priority, view: new PartView(this.whole) };
    level.view.listen(this);
    this.levels.splice(index, 0, level);
    return level;
  }

  private countWeight(weight: number, change: 1 | -1): void {
    this.changes++;
    this.census.count(weight, change);
    this.uniform = this.census.uniform;
    this.maxWeight = this.census.largest;
  }
}

const NONE = new Int32Array(0);
