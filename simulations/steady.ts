import type { Instance } from '../src/index.js';
import {
  type Distribution,
  exponential,
  hyperExponential,
  poisson,
  type SimulatedEndpointOptions,
} from '../src/testing/simulation/index.js';
import type { Measure, Situation } from './scenario.js';

/**
 * The situations of queueing theory: servers with one worker each and a queue, requests that come by chance, and
 * nothing that changes meanwhile. The mean service time is 10 ms, and all results count in service times.
 */
export const SERVICE_MS = 10;

/** How service times are spread around their mean: not at all, exponentially, and with nine times that variance. */
export const DETERMINISTIC: Distribution = { meanMs: SERVICE_MS, build: () => () => SERVICE_MS };
export const EXPONENTIAL: Distribution = exponential(SERVICE_MS);
export const UNEVEN: Distribution = hyperExponential([
  { share: 0.0455, meanMs: 10 * SERVICE_MS },
  { share: 0.9545, meanMs: 0.571 * SERVICE_MS },
]);

/** The way to the servers and back, each way, in service times: none, within one data centre, and to another. */
export const DELAYS = [0, 0.05, 0.5] as const;

/** A situation by its delay, where that is all that it differs in. */
export function away(delay: number): string {
  return delay === 0 ? 'no network' : `${delay} away`;
}

export interface SteadyOptions {
  /** How many servers there are. */
  readonly servers: number;
  /** The part of them, the first ones, that is slow, and how much slower than the others. Default: none. */
  readonly slow?: { readonly share: number; readonly times: number };
  readonly clients?: number;
  /** Requests that come, as a share of those that can be served. */
  readonly load: number;
  /** Requests in all; a fifth of them comes before anything is measured. */
  readonly requests: number;
  readonly service?: Distribution;
  /** Each way, in service times. */
  readonly delay?: number;
  /**
   * Whether servers tell their load in their answers: the truth, or what `loadReports()` makes of what it sees ('measured').
   * Default false.
   */
  readonly reports?: boolean | 'measured';
  /** What is different about one of the servers, by its number from 0. Its name must end in its number from 1. Default: nothing. */
  readonly unlike?: (server: number) => Partial<SimulatedEndpointOptions>;
}

/** The options of a steady situation. The mean rate of the servers is one request in a service time. */
export function steady(options: SteadyOptions): Situation['options'] {
  const { servers, slow, clients = 1, load, requests, service = EXPONENTIAL, delay = 0, reports = false, unlike } = options;
  const perSecond = (servers * load * 1_000) / SERVICE_MS;
  const durationMs = (requests / perSecond) * 1_000;
  const slowSpeed = slow === undefined ? 1 : 1 / (slow.share + (1 - slow.share) * slow.times);
  return {
    endpoints: Array.from({ length: servers }, (_, index) => {
      // Slow ones are spread evenly over the numbers, so that a range of them is a fair sample.
      const isSlow = slow !== undefined && Math.floor((index + 1) * slow.share) > Math.floor(index * slow.share);
      const speed = slow === undefined || isSlow ? slowSpeed : slowSpeed * slow.times;
      return {
        name: `${isSlow ? 'slow' : 'server'}-${index + 1}`,
        speed,
        serviceMs: service,
        ...(reports === 'measured' ? { reportsLoad: 'answers' } : {}),
        ...(reports === true ? { answerHeaders: ({ inSystem }) => loadReport(inSystem, SERVICE_MS / speed) } : {}),
        ...unlike?.(index),
      };
    }),
    arrivals: poisson(perSecond),
    clients,
    durationMs,
    warmUpMs: durationMs / 5,
    // Nobody looks at it over time.
    seriesMs: durationMs,
    // Who is served late is served all the same: an overload must show in the times.
    drainMs: 1e12,
    network: { delayMs: delay * SERVICE_MS },
  };
}

/** The number of one of these servers, from 0: what a subset goes by. */
export function numberOf({ id }: Instance): number {
  return Number(id.slice(id.lastIndexOf('-') + 1)) - 1;
}

/** A load report as a server sends it with an answer: its requests in flight, and how long one takes. */
export function loadReport(requestsInFlight: number, serviceMs: number): Record<string, string> {
  return { 'endpoint-load-metrics': `TEXT named_metrics.rif=${requestsInFlight}, named_metrics.svc=${serviceMs}` };
}

export const MEAN = 'mean';
export const P99 = 'p99';
export const P999 = 'p99.9';

/** In service times, without the way there and back. */
export const TIMES: readonly Measure[] = [
  { name: MEAN, decimals: 3, of: ({ latency }, options) => atServers(latency.meanMs, options) },
  { name: P99, decimals: 2, of: ({ latency }, options) => atServers(latency.p99Ms, options) },
  { name: P999, decimals: 1, of: ({ latency }, options) => atServers(latency.p999Ms, options) },
];

function atServers(ms: number, { network }: Situation['options']): number {
  const delayMs = network?.delayMs ?? 0;
  return (ms - 2 * (typeof delayMs === 'number' ? delayMs : delayMs.meanMs)) / SERVICE_MS;
}
