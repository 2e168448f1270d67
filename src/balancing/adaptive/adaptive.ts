import { ConfigError } from '../../core/errors.js';
import { knownKeys } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import type { Load } from '../load.js';
import { peakEwma } from '../peak-ewma.js';
import { type SubsetOptions, subset } from '../subsetting/subset.js';
import { AdaptivePicker } from './adaptive-picker.js';

/** Options of `adaptive`. */
export interface AdaptiveOptions {
  /** What endpoints are compared by where there are no reports to go by. Default `peakEwma()`. */
  readonly load?: Load | undefined;
  /**
   * The part of the endpoints that this client uses: the options of `subset`. Default: it uses all of them, because a part
   * of a list is evenly shared only where clients know their numbers.
   */
  readonly subset?: SubsetOptions | undefined;
}

/**
 * The default: goes by what the servers say of their load where they say it, and by what this client sees where not.
 *
 * 1. **Reports.** Where every endpoint's answers say how many requests it has and how long it needs for one
 *    (`loadReports()`, or the ORCA header `endpoint-load-metrics` with `named_metrics.rif` and `named_metrics.svc` from a
 *    server in any language), the request goes to the one with the lowest (requests + 1) x service time of the sixteen
 *    latest reports, and that report is used up (report-pool.ts). Every thirty-second pick is made as if there were none, so
 *    that an endpoint which nobody hears of is found.
 * 2. **No reports**, or from some only: two endpoints are drawn, a slow one as much more rarely as it is slower
 *    (speed-shares.ts), and compared by `load`: the latest peak of latency, or the silence of one that owes answers, times
 *    the requests in flight.
 * 3. **Few endpoints**: up to four are all compared, and up to sixteen while this client has as many requests in flight
 *    as there are endpoints. With fewer, clients who each see little would all run to the same endpoint.
 * 4. **Weights** that differ are shares on purpose, such as a canary's: then it is two choices by weight, as `p2c`.
 *
 * Reports are advice from another machine. Failed requests' reports are not used, nor those that a cache kept; a server
 * that says it is faster than an eighth of what its answers take counts as that eighth; one whose answers go on taking
 * longer than half again what it promised, since its reports are wrong or another service's, counts as much more
 * (report-trust.ts); what this client has in flight itself is never less than what is reported.
 *
 * A pick allocates nothing and costs the same for any number of endpoints; once per 250 ms the pick that comes first
 * works out who is fast and who reports, in time proportional to the number of endpoints. A change of one endpoint costs
 * work for one.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: adaptive({ subset: { size: 20, client: 3, numberOf } }) } });
 */
export function adaptive(options: AdaptiveOptions = {}): Balancer {
  knownKeys('adaptive', options, ['load', 'subset']);
  const load = options.load ?? peakEwma();
  if (typeof load?.build !== 'function') throw new ConfigError('adaptive.load', 'a measure of load, such as peakEwma()', load);
  const whole: Balancer = { name: 'adaptive', build: ({ view, random }) => new AdaptivePicker(load.build(), view, random) };
  return options.subset === undefined ? whole : { ...subset(whole, options.subset), name: 'adaptive' };
}
