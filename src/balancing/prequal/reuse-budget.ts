import type { Random } from '../../core/random.js';

/** After so many picks the earlier ones count half. */
const REMEMBERED_PICKS = 256;

/** Before so many picks what is configured is believed, and not what was counted. */
const ENOUGH_PICKS = 32;

const PICKS = 0;
const REPORTS = 1;

/** The paper's delta: how much more often entries may be used than would make the pool last exactly. */
const SURPLUS = 1;

/**
 * How many requests may go by one report, so that the pool neither runs dry nor lives on old ones. It is the paper's
 *
 *     b = max(1, (1 + delta) / ((1 - m / n) * reports per request - removals per request)),   delta = 1
 *
 * for a pool of m places and n endpoints: of the reports that come, the share m / n is about endpoints that are in the
 * pool already, and some are taken out unused; what is left has to serve all requests. Where nothing is left by that
 * account (as many places as endpoints, so that each report replaces one), reports are used until they are replaced, or
 * too old. A number that is not whole is rounded up or down by chance, so that it holds on average.
 *
 * The paper puts in the probes that are sent. Here it is what came: answers of ordinary requests bring reports too, and
 * probes are lost.
 */
export class ReuseBudget {
  /** Picks and reports, where changing them allocates nothing: fields of an object do not promise that. */
  private readonly counts = new Float64Array(2);

  constructor(
    private readonly poolSize: number,
    private readonly reportsPerRequest: number,
    private readonly removesPerRequest: number,
    private readonly random: Random,
  ) {}

  /** A request was sent. */
  picked(): void {
    const { counts } = this;
    const picks = (counts[PICKS] as number) + 1;
    const isMany = picks >= REMEMBERED_PICKS;
    counts[PICKS] = isMany ? picks / 2 : picks;
    if (isMany) counts[REPORTS] = (counts[REPORTS] as number) / 2;
  }

  /** A report came. Returns how often it may be used, where there are so many `endpoints`. */
  reported(endpoints: number): number {
    const { counts } = this;
    const picks = counts[PICKS] as number;
    const reports = (counts[REPORTS] as number) + 1;
    counts[REPORTS] = reports;
    const perRequest = picks < ENOUGH_PICKS ? this.reportsPerRequest : reports / picks;
    const left = (1 - Math.min(1, this.poolSize / endpoints)) * perRequest - this.removesPerRequest;
    if (left <= 0) return Number.POSITIVE_INFINITY;
    const uses = Math.max(1, (1 + SURPLUS) / left);
    const whole = Math.floor(uses);
    return this.random.next() < uses - whole ? whole + 1 : whole;
  }
}
