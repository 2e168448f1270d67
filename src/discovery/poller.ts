import type { Timer } from '../core/clock.js';
import type { DiscoveryHost, DiscoverySink, InstanceInput } from '../core/discovery.js';
import { show, TimeoutError } from '../core/errors.js';

/** What asking a source gave. */
export interface LookupResult {
  /** All instances of the service. */
  readonly instances: readonly InstanceInput[];
  /** For how long the list may be taken as it is, in milliseconds. Default: the poller's. */
  readonly ttlMs?: number | undefined;
}

/** Asks a source once. `signal` is aborted when nobody waits for the outcome any more. */
export type Ask = (signal: AbortSignal) => Promise<LookupResult | readonly InstanceInput[]>;

/** How often a source is asked; checked already. */
export interface PollingSettings {
  readonly ttlMs: number;
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly jitter: number;
  readonly negativeTtlMs: number;
  readonly lookupTimeoutMs: number;
}

/**
 * Keeps one service's list fresh from a source that can only be asked.
 *
 * A list is renewed before it expires, in the background, at a moment that chance picks: processes that were
 * started together would otherwise ask together for ever. After a failure, and after an answer without
 * instances, it asks again sooner, with exponential backoff and full jitter (Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog 2015), so that a registry that comes back is found quickly and not run over.
 *
 * One lookup is under way at a time. One that never settles is given up, and what it says after that is not heard.
 */
export class Poller {
  private timer: Timer | undefined = undefined;
  private lookup: AbortController | undefined = undefined;
  /** Lookups in a row that gave no instance. */
  private misses = 0;
  private ttlMs: number;
  private stopped = false;

  constructor(
    private readonly service: string,
    private readonly settings: PollingSettings,
    private readonly ask: Ask,
    private readonly sink: DiscoverySink,
    private readonly host: DiscoveryHost,
  ) {
    this.ttlMs = settings.ttlMs;
  }

  /** Asks, and goes on asking until it is stopped. */
  start(): void {
    const lookup = new AbortController();
    this.lookup = lookup;
    this.setTimer(() => this.giveUp(lookup), this.settings.lookupTimeoutMs);
    // A lookup that throws at once becomes a rejection like any other.
    new Promise<LookupResult | readonly InstanceInput[]>((resolve) => resolve(this.ask(lookup.signal))).then(
      (result) => {
        if (this.settle(lookup)) this.answered(result);
      },
      (error) => {
        if (this.settle(lookup)) this.failed(error);
      },
    );
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    const { lookup } = this;
    this.lookup = undefined;
    lookup?.abort(new Error('the watch was stopped'));
  }

  /** Takes note that a lookup is over. False for one that was given up before. */
  private settle(lookup: AbortController): boolean {
    if (this.lookup !== lookup) return false;
    this.lookup = undefined;
    this.timer?.cancel();
    return true;
  }

  /** Whoever cannot be stopped may go on; it is as if it were not there. */
  private giveUp(lookup: AbortController): void {
    if (!this.settle(lookup)) return;
    const { service } = this;
    const message = `a lookup took longer than ${this.settings.lookupTimeoutMs} ms (lookupTimeoutMs)`;
    const error = new TimeoutError('ERR_MESH_DISCOVERY_TIMEOUT', message, { service });
    lookup.abort(error);
    this.failed(error);
  }

  private answered(result: LookupResult | readonly InstanceInput[]): void {
    const isList = Array.isArray(result);
    const instances: unknown = isList ? result : (result as LookupResult | undefined)?.instances;
    if (!Array.isArray(instances)) {
      this.failed(new TypeError(`a lookup must give a list of instances or { instances, ttlMs }, got ${show(result)}`));
      return;
    }
    const ttlMs = isList ? undefined : (result as LookupResult).ttlMs;
    const { settings } = this;
    this.ttlMs = typeof ttlMs === 'number' && ttlMs >= 0 ? Math.min(Math.max(ttlMs, settings.minTtlMs), settings.maxTtlMs) : settings.ttlMs;
    // An empty list is an answer, but one that is worth a second look before long.
    this.misses = instances.length === 0 ? this.misses + 1 : 0;
    this.sink.snapshot(instances);
    this.askIn(instances.length === 0 ? Math.min(this.backoffMs(), this.refreshMs()) : this.refreshMs());
  }

  private failed(error: unknown): void {
    this.misses++;
    this.sink.failed(error);
    this.askIn(this.backoffMs());
  }

  /** Between one and two shares of jitter before the list expires: there is time left for the lookup itself. */
  private refreshMs(): number {
    return this.ttlMs * (1 - this.settings.jitter * (1 + this.host.random.next()));
  }

  /** Anything from nothing to the whole wait: full jitter spreads a crowd better than a part of it would. */
  private backoffMs(): number {
    return this.host.random.next() * Math.min(this.settings.ttlMs, this.settings.negativeTtlMs * 2 ** (this.misses - 1));
  }

  private askIn(delayMs: number): void {
    if (!this.stopped) this.setTimer(() => this.start(), delayMs);
  }

  private setTimer(callback: () => void, delayMs: number): void {
    this.timer = this.host.clock.setTimer(callback, delayMs);
    this.timer.unref();
  }
}
