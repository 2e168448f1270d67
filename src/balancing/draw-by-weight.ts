import type { PickableView } from '../core/endpoint-view.js';
import type { Random } from '../core/random.js';

/**
 * Draws endpoints in proportion to their weights, with no table that a change of the list would have to rebuild.
 *
 * A place is drawn evenly and kept with the probability weight / maxWeight, else the draw is repeated. That
 * takes maxWeight / (mean weight) tries on average: two where weights are spread evenly. Where a few weights
 * tower above the rest, or the heaviest endpoint is shut, it could take thousands; so after some tries a walk
 * over all weights decides, which is as exact and merely not independent of the number of endpoints.
 */

/** At a mean weight of a fourth of the largest one, one draw in a hundred takes more tries than this. */
const MAX_TRIES = 16;

/**
 * A place among the pickable endpoints of `view`, other than `except`. There must be one.
 *
 * One random number makes a try: its leading digits the place, the rest of them the chance.
 */
export function drawByWeight(view: PickableView, random: Random, except = -1): number {
  const { slots, count, weights, maxWeight } = view;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const drawn = random.next() * count;
    const place = drawn | 0;
    if (place === except) continue;
    if ((drawn - place) * maxWeight < (weights[slots[place] as number] as number)) return place;
  }
  return walk(view, random, except);
}

function walk({ slots, count, weights }: PickableView, random: Random, except: number): number {
  let total = 0;
  for (let place = 0; place < count; place++) {
    if (place !== except) total += weights[slots[place] as number] as number;
  }
  let left = random.next() * total;
  let last = 0;
  for (let place = 0; place < count; place++) {
    if (place === except) continue;
    left -= weights[slots[place] as number] as number;
    if (left < 0) return place;
    last = place;
  }
  return last;
}
