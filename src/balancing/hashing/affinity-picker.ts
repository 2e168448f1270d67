import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import { CELLS, IN_FLIGHT, type PickableView } from '../../core/endpoint-view.js';
import type { Picker, PickerScope } from '../../core/picker.js';
import type { KeyHasher } from './affinity-key.js';
import type { AffinitySettings } from './affinity-options.js';
import { hashText } from './hash.js';
import { type HashTable, type Member, membersOf } from './hash-table.js';

/**
 * The picker behind `maglev` and `ringHash`: walks from the place that the key's hash leads to until it meets an
 * endpoint that can be picked and has room.
 *
 * **Who is skipped** keeps its places. So while an endpoint is shut its keys alone go elsewhere, and they come back
 * when it opens; the table is made anew only when the list changes.
 *
 * **Room** is the bound of Mirrokni, Thorup and Zadimoghaddam ("Consistent Hashing with Bounded Loads", SODA 2018):
 * no endpoint takes more than ceil(c x m x its share of the weights) of m requests in flight, the new one included.
 * The bounds add up to c x m at least, so somebody always has room. m is all that the service has in flight,
 * also on endpoints that were removed or shut since; while such requests drag on, the bound is looser.
 *
 * **The walk is short**: at c = 1.25 at most four fifths of the weight can be full, so it takes five steps where the
 * load is as uneven as can be, and one as a rule. Where nearly all are shut or c is next to 1 it could be long, so
 * after some steps rendezvous hashing decides among all that can be picked (Thaler and Ravishankar, 1998): slower,
 * and as indifferent to who else comes and goes.
 */

/** At c = 1.25 a walk longer than this is one of two million even when all that can be full are. */
const MAX_STEPS = 64;

/** Taken off a bound before it is rounded up, so that 125.00000000000001 is 125. */
const EXACT = 1 - 1e-9;

/** Own copies: see lowest-cost.ts. */
const STRIDE = CELLS;
const PENDING = IN_FLIGHT;

/** What is known of the endpoints of one priority. */
interface Group {
  readonly table: HashTable;
  /** The sum of the weights of those that can be picked. */
  openWeight: number;
}

export class AffinityPicker implements Picker {
  readonly settle?: NonNullable<Picker['settle']>;
  readonly allows?: NonNullable<Picker['allows']>;
  private readonly fallback: Picker;
  private readonly hashKey: KeyHasher;
  private readonly loadBound: number;
  private readonly unlisten: () => void;
  /** By priority: those that were asked for since their endpoints changed. */
  private readonly groups = new Map<number, Group>();
  /** Where the view keeps the pickable ones of the priority in use: another array means another priority. */
  private slots: Int32Array | undefined = undefined;
  private group: Group | undefined = undefined;
  /** The halves of the last hash: a function cannot return two numbers without allocating. */
  private readonly hash = new Int32Array(2);

  constructor(
    settings: AffinitySettings,
    scope: PickerScope,
    private readonly tableOf: (members: readonly Member[]) => HashTable,
  ) {
    this.hashKey = settings.hashKey;
    this.loadBound = settings.loadBound;
    const fallback = settings.fallback.build(scope);
    this.fallback = fallback;
    // It learns from all attempts, its own or not: each says something of an endpoint.
    if (fallback.settle !== undefined) this.settle = fallback.settle.bind(fallback);
    if (fallback.allows !== undefined) this.allows = fallback.allows.bind(fallback);
    this.unlisten = scope.view.listen({
      added: ({ instance }) => this.forget(instance.priority),
      // Of all priorities: what left a part of a view because its priority changed does not say which it had.
      removed: () => this.forgetAll(),
      changed: ({ instance }, before) => {
        if (instance.priority === before.priority && instance.weight === before.weight) return;
        this.forget(before.priority);
        this.forget(instance.priority);
      },
      opened: ({ instance }) => this.weigh(instance.priority, instance.weight),
      shut: ({ instance }) => this.weigh(instance.priority, -instance.weight),
    });
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { hash } = this;
    if (view.count === 0) return undefined;
    if (!this.hashKey(call, hash)) return this.fallback.pick(view, call, nowMs);
    if (view.slots !== this.slots) this.turnTo(view);
    const { table, openWeight } = this.group as Group;
    const { cells, weights, bySlot } = view;
    const { owners } = table;
    const high = hash[0] as number;
    const low = hash[1] as number;
    const bound = (this.loadBound * EXACT * (view.inFlight + 1)) / openWeight;
    let place = table.first(high);
    for (let step = 0; step < MAX_STEPS; step++) {
      const slot = owners[place] as number;
      const endpoint = bySlot[slot] as Endpoint;
      // A whole number is below a bound that was rounded up exactly if it is below the bound.
      if (endpoint.position >= 0 && (cells[slot * STRIDE + PENDING] as number) < bound * (weights[slot] as number)) return endpoint;
      place = table.next(place, low);
    }
    return this.byRendezvous(view, high);
  }

  close(): void {
    this.unlisten();
    this.fallback.close?.();
  }

  /** Makes the table of the priority in use, unless there is one. */
  private turnTo(view: PickableView): void {
    const { priority } = (view.bySlot[view.slots[0] as number] as Endpoint).instance;
    let group = this.groups.get(priority);
    if (group === undefined) {
      group = { table: this.tableOf(membersOf(view, priority)), openWeight: openWeightOf(view) };
      this.groups.set(priority, group);
    }
    this.group = group;
    this.slots = view.slots;
  }

  private forget(priority: number): void {
    this.groups.delete(priority);
    this.slots = undefined;
    this.group = undefined;
  }

  private forgetAll(): void {
    this.groups.clear();
    this.slots = undefined;
    this.group = undefined;
  }

  private weigh(priority: number, weight: number): void {
    const group = this.groups.get(priority);
    if (group !== undefined) group.openWeight += weight;
  }

  /**
   * Of all that can be picked and have room, the one that the key and its id score highest for. The score is
   * -weight / ln(u) with an even u between 0 and 1, so that each wins as often as its weight says. Only where rounding
   * has made the sum of the weights wrong has nobody room, so the sum is made anew, and room is then no condition.
   */
  private byRendezvous(view: PickableView, key: number): Endpoint {
    const { hash } = this;
    const { slots, count, cells, weights, bySlot } = view;
    const openWeight = openWeightOf(view);
    (this.group as Group).openWeight = openWeight;
    const bound = (this.loadBound * EXACT * (view.inFlight + 1)) / openWeight;
    let best = slots[0] as number;
    let highest = 0;
    let hasRoom = false;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const weight = weights[slot] as number;
      const fits = (cells[slot * STRIDE + PENDING] as number) < bound * weight;
      if (hasRoom && !fits) continue;
      const { id } = bySlot[slot] as Endpoint;
      hashText(id, 0, id.length, key, hash);
      const score = -weight / Math.log((((hash[0] as number) >>> 0) + 0.5) / 2 ** 32);
      if (score <= highest && (hasRoom || !fits)) continue;
      highest = score;
      best = slot;
      hasRoom = fits;
    }
    return bySlot[best] as Endpoint;
  }
}

function openWeightOf({ slots, count, weights }: PickableView): number {
  let sum = 0;
  for (let place = 0; place < count; place++) sum += weights[slots[place] as number] as number;
  return sum;
}
