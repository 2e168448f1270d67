import type { Clock } from '../../core/clock.js';
import type { DiscoveryHost, DiscoverySink, Stop } from '../../core/discovery.js';
import { pause } from '../pause.js';
import { type Session, SessionLoop } from '../session-loop.js';
import type { ServiceChanges } from './application-table.js';
import { EurekaApi } from './eureka-api.js';
import type { EurekaSettings } from './options.js';
import { RegistryCopy } from './registry-copy.js';
import { EurekaServers } from './servers.js';
import { ServiceWatch } from './service-watch.js';

/** The registry is asked up to this share of the time early, so that a fleet that was started together does not ask together. */
const FETCH_JITTER = 0.2;
/** How many changes a mesh is told at once: applying them takes a few milliseconds. */
const CHANGES_AT_ONCE = 50;
/** More broken entries than these are not reported. */
const MOST_UNREADABLE = 1_000;

/**
 * Asks the registry once for all services that are watched, for as long as any is, and tells each watch what became of
 * its own. A service that the list does not have (yet) is asked for by itself.
 */
export class RegistryReader {
  private readonly api: EurekaApi;
  private readonly servers: EurekaServers;
  private readonly copy: RegistryCopy;
  private readonly clock: Clock;
  private readonly watches = new Set<ServiceWatch>();
  /** How many watches each service has, by its name in the registry. */
  private readonly watchCounts = new Map<string, number>();
  private readonly changes = new Map<string, ServiceChanges>();
  private readonly unreadable = new Set<string>();
  private loop: SessionLoop | undefined = undefined;
  private single = new AbortController();
  /** What the last attempt failed with; undefined since one succeeded. */
  private failure: { readonly error: unknown } | undefined = undefined;

  constructor(
    private readonly settings: EurekaSettings,
    private readonly host: DiscoveryHost,
  ) {
    this.clock = host.clock;
    this.api = new EurekaApi(settings, host.clock);
    this.servers = new EurekaServers(settings, host.clock, host.random);
    const journal = { changes: this.changes, isWatched: (service: string) => this.watchCounts.has(service) };
    this.copy = new RegistryCopy(this.api, settings, journal, host.clock, (application, reason) => this.skip(application, reason));
  }

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    const watch = new ServiceWatch(service, sink, host);
    this.watches.add(watch);
    this.watchCounts.set(watch.key, (this.watchCounts.get(watch.key) ?? 0) + 1);
    if (this.loop === undefined) this.start();
    if (this.copy.isThere) {
      // A list that nobody kept up to date for a while is no news, unless there is no other.
      if (this.failure !== undefined) this.tellStale(watch, this.failure.error);
      else if (this.copy.ageMs <= this.settings.fetchMs) this.tellFirst(watch);
    }
    return () => this.unwatch(watch);
  }

  close(): void {
    for (const watch of [...this.watches]) this.unwatch(watch);
  }

  private unwatch(watch: ServiceWatch): void {
    if (!this.watches.delete(watch)) return;
    const left = (this.watchCounts.get(watch.key) ?? 1) - 1;
    if (left > 0) this.watchCounts.set(watch.key, left);
    else this.watchCounts.delete(watch.key);
    if (this.watches.size === 0) this.stop();
  }

  private start(): void {
    const firstInMs = this.copy.isThere ? Math.max(0, this.nextFetchMs() - this.copy.ageMs) : 0;
    this.single = new AbortController();
    this.loop = new SessionLoop(
      this.host,
      (session) => this.follow(session, this.failure === undefined ? firstInMs : 0),
      (error) => {
        this.failure = { error };
        for (const watch of [...this.watches]) this.tellStale(watch, error);
      },
    );
    this.loop.start();
  }

  private stop(): void {
    this.loop?.stop();
    this.loop = undefined;
    this.single.abort(new Error('the watch was stopped'));
    this.changes.clear();
    this.api.close();
  }

  /** Ends with the first failure. */
  private async follow({ signal, healthy }: Session, firstInMs: number): Promise<void> {
    if (firstInMs > 0) await pause(this.clock, firstInMs, signal);
    for (;;) {
      const news = await this.servers.ask(signal, (server) => this.copy.update(server, signal));
      this.failure = undefined;
      healthy();
      await this.tellAll(news, signal);
      await pause(this.clock, this.nextFetchMs(), signal);
    }
  }

  private nextFetchMs(): number {
    return this.settings.fetchMs * (1 - FETCH_JITTER * this.host.random.next());
  }

  private async tellAll(news: 'changes' | 'list', signal: AbortSignal): Promise<void> {
    const changes = new Map(this.changes);
    this.changes.clear();
    for (const watch of [...this.watches]) {
      if (!this.watches.has(watch)) continue;
      const its = changes.get(watch.key) ?? new Map();
      if (watch.state === 'waiting') this.tellFirst(watch);
      else if (watch.state === 'unknown') this.tellIfThere(watch);
      else if (news === 'changes' || !this.tellIfDoubtful(watch, its)) await this.tellChanges(watch, its, signal);
    }
  }

  private async tellChanges(watch: ServiceWatch, changes: ServiceChanges, signal: AbortSignal): Promise<void> {
    const left = [...changes];
    for (;;) {
      watch.change(new Map(left.splice(0, CHANGES_AT_ONCE)));
      if (left.length === 0 || !this.watches.has(watch)) return;
      await pause(this.clock, 0, signal);
    }
  }

  /**
   * A whole list that lost half of a service or more goes to the mesh as a list, so that it is doubted; in every other
   * case the changes say the same, and cost less.
   */
  private tellIfDoubtful(watch: ServiceWatch, changes: ServiceChanges): boolean {
    let removed = 0;
    for (const instance of changes.values()) if (instance?.input === undefined) removed++;
    if (removed === 0) return false;
    const instances = this.copy.table.instancesOf(watch.key) ?? [];
    const isDoubtful = instances.filter(({ input }) => input !== undefined).length <= removed;
    if (isDoubtful) watch.list(instances);
    return isDoubtful;
  }

  private tellFirst(watch: ServiceWatch): void {
    if (!this.tellIfThere(watch)) this.askFor(watch);
  }

  private tellIfThere(watch: ServiceWatch): boolean {
    const instances = this.copy.table.instancesOf(watch.key);
    if (instances !== undefined) watch.list(instances);
    return instances !== undefined;
  }

  /** The registry cannot be asked; what was known serves on. */
  private tellStale(watch: ServiceWatch, error: unknown): void {
    if (!watch.wasListed && this.copy.isThere) this.tellIfThere(watch);
    if (this.watches.has(watch)) watch.failed(error);
  }

  /** Asks for a service that the list does not have: the server's list of all is older than its answer for one. */
  private askFor(watch: ServiceWatch): void {
    const { signal } = this.single;
    const { service, key } = watch;
    const path = this.settings.by === 'app' ? `/apps/${encodeURIComponent(key)}` : `/vips/${encodeURIComponent(service)}`;
    this.servers
      .ask(signal, (server) => this.copy.updateOne(server, path, signal))
      .then(
        () => {
          this.tellListed(key);
          if (this.watches.has(watch) && !this.tellIfThere(watch)) watch.unknown();
        },
        (error) => {
          if (this.watches.has(watch)) watch.failed(error);
        },
      );
  }

  /** What is known of a service by now is told now: left for the next round, those who hear the list now would hear it twice. */
  private tellListed(key: string): void {
    const changes = this.changes.get(key);
    if (changes === undefined) return;
    this.changes.delete(key);
    for (const watch of [...this.watches]) if (watch.key === key && watch.state === 'listed') watch.change(changes);
  }

  private skip(application: string, reason: string): void {
    const entry = `an entry of ${application}`;
    if (this.unreadable.has(entry + reason) || this.unreadable.size >= MOST_UNREADABLE) return;
    this.unreadable.add(entry + reason);
    for (const { key, service, host } of this.watches) if (key === application.toUpperCase()) host.skipped(service, entry, reason);
  }
}
