import type { PickableView } from '../../core/endpoint-view.js';
import type { Random } from '../../core/random.js';
import { MeanTimes } from './mean-times.js';
import { roomFor } from './room-for.js';

/**
 * How fast the endpoints of a service are, and draws in which a slow one comes up as much more rarely.
 *
 * Two choices drawn evenly are both slow as often as the slow ones are many: where half of the fleet has a tenth of the
 * speed, a fourth of the requests must go to a slow one, and from 36 % of the fleet's capacity on the queues there grow
 * for ever, with idle servers beside them (Hurtado-Lange and Maguluri, 2020, and docs/simulations). Drawn by speed, they
 * do not.
 *
 * Speeds are measured, so they are not quite what they seem: who takes up to twice as long as the fastest counts as one
 * of the fast, and nobody is drawn less often than a tenth as often as these.
 */

const AS_FAST = 2;
const LEAST_SHARE = 0.1;
const MAX_TRIES = 16;

export class SpeedShares {
  /** Whether all endpoints are drawn equally often. */
  even = true;
  private readonly times = new MeanTimes();
  /** By slot: the chance that a draw of the endpoint counts. */
  private shares: Float32Array = new Float32Array(4);

  /** Another endpoint is in `slot`: nothing is known of it, and it counts as fast. */
  clear(slot: number): void {
    this.times.clear(slot);
    this.shares = roomFor(slot, this.shares);
    this.shares[slot] = 1;
  }

  /** The endpoint in `slot` took so long for one request. */
  learn(slot: number, ms: number): void {
    this.times.learn(slot, ms);
  }

  /** Milliseconds; 0 for an endpoint that never answered. */
  mean(slot: number): number {
    return this.times.of(slot);
  }

  /** Works the shares out anew, in time proportional to the number of endpoints. */
  review({ slots, count }: PickableView): void {
    const { times, shares } = this;
    let fastest = Number.POSITIVE_INFINITY;
    for (let place = 0; place < count; place++) {
      const mean = times.of(slots[place] as number);
      if (mean > 0 && mean < fastest) fastest = mean;
    }
    let even = true;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const mean = times.of(slot);
      const share = mean > fastest * AS_FAST ? Math.max(LEAST_SHARE, (fastest * AS_FAST) / mean) : 1;
      shares[slot] = share;
      if (share < 1) even = false;
    }
    this.even = even;
  }

  /** A place among the pickable endpoints of `view`, other than `except`, by speed. There must be one. */
  draw({ slots, count }: PickableView, random: Random, except: number): number {
    const { shares } = this;
    // One number makes a try: its leading digits the place, the rest of them the chance.
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const drawn = random.next() * count;
      const place = drawn | 0;
      if (place !== except && drawn - place < (shares[slots[place] as number] as number)) return place;
    }
    const place = (random.next() * (count - 1)) | 0;
    return place === except ? count - 1 : place;
  }
}
