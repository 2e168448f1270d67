import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import type { Random } from '../../core/random.js';
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
/** Of an endpoint with a full share; one with the least share thus has one. */
const MOST_TICKETS = 10;
/** Measured times of equal endpoints differ by some tenths. While none takes longer than so many usual times, all count as even. */
const CLEARLY_SLOWER = 2;

export class SpeedShares {
  /** Whether all endpoints are drawn equally often. */
  even = true;
  /** The state of the list at the last review. */
  changes = -1;
  /**
   * The slots of the endpoints that could be picked at the last review, each as often as it is to be drawn, in the first
   * `tickets` places. Not made where all are even. An alias table needs less memory, and makes a pick cost a third more.
   */
  drum: Int32Array = new Int32Array(0);
  tickets = 0;

  /** Works out anew how fast each is, from what it takes for a request, in time proportional to the number of endpoints. */
  review(view: PickableView, times: MeanTimes, random: Random): void {
    const { slots, count } = view;
    let speeds = 0;
    let known = 0;
    for (let place = 0; place < count; place++) {
      const ms = times.of(slots[place] as number);
      if (ms === 0) continue;
      speeds += 1 / ms;
      known++;
    }
    // Not a number while nobody is known: then nobody is slow.
    const usualMs = known / speeds;
    const slowMs = usualMs * CLEARLY_SLOWER;
    let even = true;
    for (let place = 0; even && place < count; place++) even = !(times.of(slots[place] as number) > slowMs);
    this.even = even;
    this.changes = view.changes;
    if (!even) this.fill(view, times, usualMs, random);
  }

  /** What is left of a share goes on to the next endpoint, from a start by chance: so each has its tickets exactly on average. */
  private fill({ slots, count }: PickableView, times: MeanTimes, usualMs: number, random: Random): void {
    this.drum = grown(this.drum, count * MOST_TICKETS + 1);
    const { drum } = this;
    let tickets = 0;
    let due = random.next();
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const ms = times.of(slot);
      due += MOST_TICKETS * (ms > usualMs ? Math.max(LEAST_SHARE, usualMs / ms) : 1);
      while (tickets + 1 <= due) drum[tickets++] = slot;
    }
    this.tickets = tickets;
  }
}
