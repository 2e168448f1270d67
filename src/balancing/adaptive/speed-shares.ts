import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import type { Random } from '../../core/random.js';
import { MeanTimes } from './mean-times.js';

/**
 * How fast the endpoints of a service are, and draws in which a slow one comes up as much more rarely.
 *
 * Two choices drawn evenly are both slow as often as the slow ones are many: where half of the fleet has a tenth of the
 * speed, a fourth of the requests must go to a slow one, and from 36 % of the fleet's capacity on the queues there grow
 * for ever, with idle servers beside them (Hurtado-Lange and Maguluri, 2020, and docs/simulations). Drawn by speed, they
 * do not.
 *
 * Who is as fast as the fleet on average (the mean of the speeds, which the fast ones decide) counts in full, and nobody
 * is drawn less often than a tenth as often: a speed is measured, and the one that is slowest now has to be seen to mend.
 */

const LEAST_SHARE = 0.1;
/** Measured times of equal endpoints differ by some tenths. While none takes longer than so many usual times, all count as even. */
const CLEARLY_SLOWER = 2;
const MAX_TRIES = 16;

export class SpeedShares {
  /** Whether all endpoints are drawn equally often. */
  even = true;
  /** The other place that `drawTwo` drew. */
  second = 0;
  private readonly times = new MeanTimes();
  /** By slot: the chance that a draw of the endpoint counts. */
  private shares: Float32Array = new Float32Array(4);

  /** Another endpoint is in `slot`: nothing is known of it, and it counts as fast. */
  clear(slot: number): void {
    this.times.clear(slot);
    this.shares = grown(this.shares, slot + 1);
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
    let speeds = 0;
    let known = 0;
    for (let place = 0; place < count; place++) {
      const ms = times.of(slots[place] as number);
      if (ms === 0) continue;
      speeds += 1 / ms;
      known++;
    }
    const usualMs = known / speeds;
    let even = true;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const ms = times.of(slot);
      if (ms > usualMs * CLEARLY_SLOWER) even = false;
      shares[slot] = ms > usualMs ? Math.max(LEAST_SHARE, usualMs / ms) : 1;
    }
    this.even = even;
  }

  /** A place among the pickable endpoints of `view`, by speed, and another one in `second`. There must be two. */
  drawTwo(view: PickableView, random: Random): number {
    const { slots, count } = view;
    const { shares } = this;
    // What a number has left when its leading digits are a place, and the next ones said yes, is as even as before.
    const drawn = random.next() * count;
    const place = drawn | 0;
    const chance = drawn - place;
    const share = shares[slots[place] as number] as number;
    if (chance >= share) {
      const first = this.draw(view, random, -1);
      this.second = this.draw(view, random, first);
      return first;
    }
    const left = (chance / share) * (count - 1);
    const other = left | 0;
    const second = other < place ? other : other + 1;
    this.second = left - other < (shares[slots[second] as number] as number) ? second : this.draw(view, random, place);
    return place;
  }

  /** A place among the pickable endpoints of `view`, other than `except`, by speed. There must be one. */
  private draw({ slots, count }: PickableView, random: Random, except: number): number {
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
