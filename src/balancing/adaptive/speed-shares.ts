import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import { AliasTable } from '../alias-table.js';
import type { MeanTimes } from './mean-times.js';

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

export class SpeedShares {
  /** Whether all endpoints are drawn equally often. */
  even = true;
  /** The state of the list at the last review. */
  changes = -1;
  /** Draws by speed, of the endpoints that could be picked at the last review. Not made where all are even. */
  readonly table = new AliasTable();
  /** By slot: how often the endpoint is drawn, where 1 is as often as any. */
  private shares: Float32Array = new Float32Array(4);

  /** Another endpoint is in `slot`: nothing is known of it, and it counts as fast. */
  clear(slot: number): void {
    this.shares = grown(this.shares, slot + 1);
    this.shares[slot] = 1;
  }

  /** Works the shares out anew from what each endpoint takes for a request, in time proportional to the number of endpoints. */
  review({ slots, count, changes }: PickableView, times: MeanTimes): void {
    const { shares } = this;
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
    this.changes = changes;
    if (!even) this.table.build(slots, count, shares);
  }
}
