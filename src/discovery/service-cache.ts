import { LRUCache } from 'lru-cache';

/** What a cache of services holds: something that must not be closed while it is in use. */
export interface Cached {
  readonly name: string;
  readonly inUse: boolean;
  close(): void;
  /** Calls back each time the last use ends. */
  onIdle(listener: () => void): void;
}

/** How much a cache of services holds. */
export interface ServiceCacheOptions {
  /** Services kept. A whole number of at least 1; default 1,000. */
  readonly maxServices?: number | undefined;
}

const MAX_SERVICES = 1_000;

/**
 * The one table of services, in front of every source. It is bounded, because names may come from outside
 * (`fetch` of whatever host a user typed), and each name costs a watch.
 *
 * The service that was not used for longest makes room for a new one. If it happens to be in use just then, a
 * long download for example, it steps aside: it is still found under its name, with its breakers and
 * connections, and is closed only when it is idle.
 */
export class ServiceCache<T extends Cached> {
  private readonly recent: LRUCache<string, T>;
  private readonly aside = new Map<string, T>();
  private latest: T | undefined = undefined;
  private readonly heard = new WeakSet<T>();

  constructor({ maxServices = MAX_SERVICES }: ServiceCacheOptions = {}) {
    this.recent = new LRUCache<string, T>({
      max: maxServices,
      // After the table is consistent again: closing runs other people's code.
      disposeAfter: (service, _name, reason) => {
        if (reason === 'evict') this.evicted(service);
      },
    });
  }

  /** Services that are open. */
  get size(): number {
    return this.recent.size + this.aside.size;
  }

  /** The service of this name, which counts as a use of it. */
  get(name: string): T | undefined {
    // The one that was used last is the youngest already.
    if (this.latest?.name === name) return this.latest;
    const service = this.find(name);
    this.latest = service;
    return service;
  }

  private find(name: string): T | undefined {
    const service = this.recent.get(name);
    if (service !== undefined || this.aside.size === 0) return service;
    return this.comeBack(name);
  }

  /** Makes the service that `get` did not find, and keeps it. */
  create(name: string, make: () => T): T {
    const service = make();
    this.recent.set(name, service);
    this.latest = service;
    return service;
  }

  /** Every open service. */
  all(): T[] {
    return [...this.recent.values(), ...this.aside.values()];
  }

  /** Closes every service, also those in use. */
  close(): void {
    const services = this.all();
    this.latest = undefined;
    this.recent.clear();
    this.aside.clear();
    for (const service of services) service.close();
  }

  private comeBack(name: string): T | undefined {
    const service = this.aside.get(name);
    if (service === undefined) return undefined;
    this.aside.delete(name);
    this.recent.set(name, service);
    return service;
  }

  private evicted(service: T): void {
    if (this.latest === service) this.latest = undefined;
    if (!service.inUse) {
      service.close();
      return;
    }
    this.aside.set(service.name, service);
    if (this.heard.has(service)) return;
    this.heard.add(service);
    service.onIdle(() => {
      if (this.aside.get(service.name) !== service) return;
      this.aside.delete(service.name);
      service.close();
    });
  }
}
