import { ConfigError } from '../../core/errors.js';
import { LOAD_PROBE_PATH } from '../../core/load-probe.js';
import { durationMs, knownKeys, numberIn, wholeNumberIn } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { p2c } from '../p2c.js';
import { PrequalPicker, type PrequalSettings } from './prequal-picker.js';

/** Options of `prequal`. */
export interface PrequalOptions {
  /**
   * How many probes a request pays for, on average. From 0 (reports of ordinary answers alone) to 10. Default 1; the
   * paper's is 3, where answers bring no reports.
   */
  readonly probesPerRequest?: number | undefined;
  /** How many reports are kept, one of an endpoint at most. From 2 to 128. Default 16. */
  readonly poolSize?: number | undefined;
  /** How old a report may be, in milliseconds. From 10 to 60,000. Default 1,000. */
  readonly maxAgeMs?: number | undefined;
  /**
   * How many reports are taken out with each request, on average, the oldest and the worst in turn. From 0 to 10. Default
   * a third of `probesPerRequest`, as in the paper.
   */
  readonly removesPerRequest?: number | undefined;
  /**
   * An endpoint with more requests in flight than this share of the latest reports is hot: it is sent nothing while there
   * is a cold one. From 0 (only requests in flight count) to 1 (only latency). Default 0.84.
   */
  readonly hotQuantile?: number | undefined;
  /** What is asked with GET, as `loadReports` has it. Default '/.well-known/fetchmesh/load'. */
  readonly probePath?: string | undefined;
  /** For how long a probe's answer may take, in milliseconds, connecting included. Above 0. Default 250. */
  readonly probeTimeoutMs?: number | undefined;
  /** How many probes may be under way at a time; what goes beyond is not sent. From 1 to 10,000. Default 32. */
  readonly maxProbesInFlight?: number | undefined;
  /** For how long after the last request reports are kept fresh, in milliseconds. From 0 (not at all) to 600,000. Default 5,000. */
  readonly idleProbingMs?: number | undefined;
}

/**
 * Balancing by asynchronous probes: endpoints are asked for their load beside the requests, and each request goes by the
 * answers that are there already. After Prequal (Wydrowski, Kleinberg, Rumble and Archer, NSDI 2024), which YouTube is
 * balanced with. It suits many clients that each send little to many endpoints: none of them knows from its own requests
 * what the endpoints have to do, and the endpoints know.
 *
 * Of the reports in the pool those of busy endpoints are hot. The cold endpoint with the lowest latency gets the request,
 * or if all are hot, the one with the fewest requests in flight. Reports in ordinary answers, which `loadReports()` puts
 * there too, join the pool like those of probes. With fewer than two reports `p2c()` picks.
 *
 * It takes servers with `loadReports()`. One that answers a probe without a report gets its share of the requests, among
 * those by the fewest in flight, and is probed again after a minute. One that leaves a probe unanswered is not probed
 * for a second at first and for 30 at last, and is sent nothing as long as others have reports. Failures make an endpoint
 * look busier, and leave it out after four in a row (standing.ts).
 *
 * A weight says how often an endpoint is probed, and so, roughly, how often it is picked.
 *
 * A pick searches the pool and allocates nothing. Sending a probe does: it is one small request over the endpoint's own
 * connections, outside policies and gates, of which `mesh.inspect()` shows how many there were. A change of one endpoint
 * costs a search of the pool.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, services: { search: { balancer: prequal() } } });
 */
export function prequal(options: PrequalOptions = {}): Balancer {
  const settings = prequalSettings(options);
  const fallback = p2c();
  return { name: 'prequal', build: (scope) => new PrequalPicker(settings, scope, fallback.build(scope)) };
}

const KEYS = [
  'probesPerRequest',
  'poolSize',
  'maxAgeMs',
  'removesPerRequest',
  'hotQuantile',
  'probePath',
  'probeTimeoutMs',
  'maxProbesInFlight',
  'idleProbingMs',
];

function prequalSettings(options: PrequalOptions): PrequalSettings {
  knownKeys('prequal', options, KEYS);
  const probesPerRequest = numberIn('prequal.probesPerRequest', options.probesPerRequest ?? 1, 0, 10);
  const path = options.probePath ?? LOAD_PROBE_PATH;
  if (typeof path !== 'string' || !/^\/[^\s#]*$/.test(path)) throw new ConfigError('prequal.probePath', "a path, such as '/load'", path);
  return {
    probesPerRequest,
    path,
    poolSize: wholeNumberIn('prequal.poolSize', options.poolSize ?? 16, 2, 128),
    maxAgeMs: numberIn('prequal.maxAgeMs', options.maxAgeMs ?? 1_000, 10, 60_000, 'milliseconds'),
    removesPerRequest: numberIn('prequal.removesPerRequest', options.removesPerRequest ?? probesPerRequest / 3, 0, 10),
    hotQuantile: numberIn('prequal.hotQuantile', options.hotQuantile ?? 0.84, 0, 1),
    timeoutMs: durationMs('prequal.probeTimeoutMs', options.probeTimeoutMs ?? 250),
    maxProbesInFlight: wholeNumberIn('prequal.maxProbesInFlight', options.maxProbesInFlight ?? 32, 1, 10_000),
    idleProbingMs: numberIn('prequal.idleProbingMs', options.idleProbingMs ?? 5_000, 0, 600_000, 'milliseconds'),
  };
}
