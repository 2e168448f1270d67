import type { Discovery, InstanceInput } from '../core/discovery.js';
import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys, numberIn } from '../core/options-check.js';
import { type LookupResult, Poller, type PollingSettings } from './poller.js';

/** How often a source is asked. All times in milliseconds, above 0. */
export interface PollingTimes {
  /** For how long a list is taken as it is when the source does not say. Default 30,000. */
  readonly ttlMs?: number | undefined;
  /** A shorter time that the source says is raised to this. Default 1,000, or `ttlMs` where that is less. */
  readonly minTtlMs?: number | undefined;
  /** A longer time that the source says is cut to this. Default 300,000, or `ttlMs` where that is more. */
  readonly maxTtlMs?: number | undefined;
  /**
   * How far lookups are spread: a list is renewed between one and two such shares of its time before it
   * expires. From 0 (exactly at the end) to 0.4; default 0.1.
   */
  readonly jitter?: number | undefined;
  /** The first wait after a failure or an empty answer; it doubles up to `ttlMs`. Default 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** A lookup that takes longer has failed. Default 10,000. */
  readonly lookupTimeoutMs?: number | undefined;
}

/** A source that can only be asked. */
export interface PollingOptions extends PollingTimes {
  /** Names the source in errors and events. */
  readonly name: string;
  /**
   * Asks where a service is. Rejecting means that the source could not be asked, and the last list goes on
   * serving; reject with an `UnknownServiceError` for a service that the source does not know. `signal` is
   * aborted when the answer is not wanted any more.
   */
  lookup(service: string, options: { readonly signal: AbortSignal }): Promise<LookupResult | readonly InstanceInput[]>;
}

const POLLING_TIME_KEYS = ['ttlMs', 'minTtlMs', 'maxTtlMs', 'jitter', 'negativeTtlMs', 'lookupTimeoutMs'];

/**
 * Makes a source of anything that can be asked: a registry's HTTP interface, a database, a command. It owns
 * refreshing, jitter, backoff and timeouts; `lookup` only has to ask.
 *
 * @throws ConfigError for an option that is out of its range.
 * @example
 * const consul = pollingDiscovery({
 *   name: 'consul',
 *   async lookup(service, { signal }) {
 *     const answer = await fetch(`http://127.0.0.1:8500/v1/health/service/${encodeURIComponent(service)}?passing`, { signal });
 *     const entries = await answer.json();
 *     return { instances: entries.map(({ Service }) => `http://${Service.Address}:${Service.Port}`), ttlMs: 10_000 };
 *   },
 * });
 */
export function pollingDiscovery(options: PollingOptions): Discovery {
  const path = 'pollingDiscovery';
  knownKeys(path, options, ['name', 'lookup', ...POLLING_TIME_KEYS]);
  const { name } = options;
  if (typeof name !== 'string' || name === '') throw new ConfigError(`${path}.name`, 'a name', name);
  if (typeof options.lookup !== 'function') throw new ConfigError(`${path}.lookup`, 'a function', options.lookup);
  const settings = pollingSettings(path, options);
  return {
    name,
    watch(service, sink, host) {
      const poller = new Poller(service, settings, (signal) => options.lookup(service, { signal }), sink, host);
      poller.start();
      return () => poller.stop();
    },
  };
}

/** Checks the times and fills in the defaults. @throws ConfigError with the path of the first bad one. */
export function pollingSettings(path: string, times: PollingTimes): PollingSettings {
  const ttlMs = durationMs(`${path}.ttlMs`, times.ttlMs ?? 30_000);
  const minTtlMs = durationMs(`${path}.minTtlMs`, times.minTtlMs ?? Math.min(1_000, ttlMs));
  const maxTtlMs = durationMs(`${path}.maxTtlMs`, times.maxTtlMs ?? Math.max(300_000, ttlMs));
  if (minTtlMs > maxTtlMs) throw new ConfigError(`${path}.minTtlMs`, `at most maxTtlMs (${maxTtlMs})`, minTtlMs);
  if (ttlMs < minTtlMs || ttlMs > maxTtlMs)
    throw new ConfigError(`${path}.ttlMs`, `from minTtlMs (${minTtlMs}) to maxTtlMs (${maxTtlMs})`, ttlMs);
  return {
    ttlMs,
    minTtlMs,
    maxTtlMs,
    jitter: numberIn(`${path}.jitter`, times.jitter ?? 0.1, 0, 0.4),
    negativeTtlMs: durationMs(`${path}.negativeTtlMs`, times.negativeTtlMs ?? 1_000),
    lookupTimeoutMs: durationMs(`${path}.lookupTimeoutMs`, times.lookupTimeoutMs ?? 10_000),
  };
}
