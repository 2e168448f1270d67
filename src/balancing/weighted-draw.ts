import type { PickableView } from '../core/endpoint-view.js';
import type { Random } from '../core/random.js';
import { AliasTable } from './alias-table.js';

/**
 * Draws endpoints in proportion to their weights, from an alias table as long as the list stays the same.
 *
 * To make the table costs work for every endpoint, and a change of one must not. So a table is made only once there were as
 * many draws since the last change as there are endpoints, which adds the work of about one step to each of them. Until
 * then a place is drawn evenly and kept with the probability weight / maxWeight, else the draw is repeated. That takes
 * maxWeight / (mean weight) tries on average: two where weights are spread evenly. Where a few weights tower above the
 * rest, or the heaviest endpoint is shut, it could take thousands; so after some tries a walk over all weights decides,
 * which is as exact and merely not independent of the number of endpoints.
 */

/** At a mean weight of a fourth of the largest one, one draw in a hundred takes more tries than this. */
const MAX_TRIES = 16;

export class WeightedDraw {
  private readonly table = new AliasTable();
  /** The list that the table, or the draws so far, are of, and its state. */
  private view: PickableView | undefined = undefined;
  private changes = -1;
  private draws = 0;

  constructor(private readonly random: Random) {}

  /** The slot of an endpoint of `view` that can be picked. There must be one. */
  draw(view: PickableView): number {
    if (view.uniform) return view.slots[(this.random.next() * view.count) | 0] as number;
    const isCurrent = this.table.size > 0 && this.changes === view.changes && this.view === view;
    return isCurrent ? this.table.draw(this.random) : this.withoutTable(view);
  }

  /** The same of all but the one in `except`. There must be another one. */
  drawOther(view: PickableView, except: number): number {
    const { slots, count } = view;
    if (count === 2) return (slots[0] === except ? slots[1] : slots[0]) as number;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const slot = this.draw(view);
      if (slot !== except) return slot;
    }
    return this.walk(view, except);
  }

  private withoutTable(view: PickableView): number {
    const { slots, count, weights, maxWeight } = view;
    if (this.changes !== view.changes || this.view !== view) {
      this.view = view;
      this.changes = view.changes;
      this.table.size = 0;
      this.draws = 0;
    }
    if (++this.draws > count) {
      this.table.build(slots, count, weights);
      return this.table.draw(this.random);
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      // One random number makes a try: its leading digits the place, the rest of them the chance.
      const drawn = this.random.next() * count;
      const place = drawn | 0;
      const slot = slots[place] as number;
      if ((drawn - place) * maxWeight < (weights[slot] as number)) return slot;
    }
    return this.walk(view, -1);
  }

  private walk({ slots, count, weights }: PickableView, except: number): number {
    let total = 0;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      if (slot !== except) total += weights[slot] as number;
    }
    let left = this.random.next() * total;
    let last = -1;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      if (slot === except) continue;
      left -= weights[slot] as number;
      if (left < 0) return slot;
      last = slot;
    }
    return last;
  }
}
