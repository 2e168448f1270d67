import type { Announcement, Discovery, DiscoveryHost, DiscoverySink, InstanceInput, Lease, Stop } from '../core/discovery.js';
import { UnknownServiceError } from '../core/errors.js';
import { announcedInstance } from '../discovery/announced-instance.js';

/** A registry in memory, with the faults of real ones at hand. */
export interface MockRegistry extends Discovery {
  /** Adds an instance, or changes the one with its id; seen at once, as on a live watch. */
  add(service: string, instance: InstanceInput): void;
  /** Removes an instance by id (its URL unless it has one of its own); seen at once, as on a live watch. */
  remove(service: string, id: string): void;
  /** Replaces the whole list. Seen as the outcome of a poll, unless `live` is true. */
  set(service: string, instances: readonly InstanceInput[], info?: { readonly live?: boolean }): void;
  /** The registry comes back from a restart with nothing in it: every watcher of the service sees an empty list. */
  goEmpty(service: string): void;
  /** The registry fails from now on, for every service: watchers are told, new watches get nothing but that. */
  fail(error?: Error): void;
  /** The registry works again: watchers see the lists as they are now. */
  recover(): void;
  /** From now on, a new watch hears nothing before `ms` have passed on the mesh's clock. */
  delay(ms: number): void;
  /** Watches that are open now. */
  readonly watches: number;
  /** Watches ever begun. */
  readonly lookups: number;
}

/**
 * Makes a registry for unit tests: what a real one does to its clients, at the moment the test wants it.
 *
 * @example
 * const registry = mockRegistry({ users: ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'] });
 * const mesh = createMesh({ discovery: registry, transport: mockTransport(), clock });
 * registry.remove('users', 'http://10.0.0.1:8080');
 */
export function mockRegistry(initial: Readonly<Record<string, readonly InstanceInput[]>> = {}): MockRegistry {
  const lists = new Map<string, Map<string, InstanceInput>>();
  const watchers = new Map<string, Set<DiscoverySink>>();
  let failure: Error | undefined;
  let delayMs = 0;
  let watches = 0;
  let lookups = 0;
  for (const [service, instances] of Object.entries(initial)) lists.set(service, byId(instances));

  const sinksOf = (service: string): Iterable<DiscoverySink> => (failure === undefined ? (watchers.get(service) ?? []) : []);

  function tell(service: string, sink: DiscoverySink): void {
    const list = lists.get(service);
    if (failure !== undefined) sink.failed(failure);
    else if (list === undefined) sink.failed(new UnknownServiceError(service, registry.name));
    else sink.snapshot([...list.values()]);
  }

  const registry: MockRegistry = {
    name: 'mockRegistry',
    declares: (service) => lists.has(service),
    watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
      watches++;
      lookups++;
      const sinks = watchers.get(service) ?? new Set();
      watchers.set(service, sinks);
      const begin = () => {
        sinks.add(sink);
        tell(service, sink);
      };
      const timer = delayMs === 0 ? undefined : host.clock.setTimer(begin, delayMs);
      if (timer === undefined) begin();
      let stopped = false;
      return () => {
        if (stopped) return;
        stopped = true;
        timer?.cancel();
        sinks.delete(sink);
        watches--;
      };
    },
    add(service, instance) {
      const list = lists.get(service);
      if (list === undefined) {
        lists.set(service, byId([instance]));
        for (const sink of sinksOf(service)) tell(service, sink);
        return;
      }
      list.set(idOf(instance), instance);
      for (const sink of sinksOf(service)) sink.patch({ upsert: [instance] });
    },
    remove(service, id) {
      if (lists.get(service)?.delete(id) !== true) throw new Error(`the mock registry has no instance '${id}' of ${service}`);
      for (const sink of sinksOf(service)) sink.patch({ remove: [id] });
    },
    set(service, instances, info) {
      lists.set(service, byId(instances));
      for (const sink of sinksOf(service)) sink.snapshot(instances, info);
    },
    goEmpty(service) {
      lists.set(service, new Map());
      for (const sink of sinksOf(service)) sink.snapshot([]);
    },
    fail(error = new Error('the mock registry was told to fail')) {
      failure = error;
      for (const sinks of watchers.values()) for (const sink of sinks) sink.failed(error);
    },
    recover() {
      failure = undefined;
      for (const [service, sinks] of watchers) for (const sink of sinks) tell(service, sink);
    },
    delay(ms) {
      delayMs = ms;
    },
    async announce(announcement: Announcement): Promise<Lease> {
      const { service, url, id, weight, zone, metadata } = announcedInstance(announcement);
      if (failure !== undefined) throw failure;
      registry.add(service, { url, id, weight, zone, metadata });
      let isOpen = true;
      return {
        id,
        async close() {
          if (isOpen && lists.get(service)?.has(id) === true) registry.remove(service, id);
          isOpen = false;
        },
      };
    },
    get watches() {
      return watches;
    },
    get lookups() {
      return lookups;
    },
  };
  return registry;
}

function idOf(instance: InstanceInput): string {
  return typeof instance === 'string' ? instance : (instance.id ?? instance.url);
}

function byId(instances: readonly InstanceInput[]): Map<string, InstanceInput> {
  return new Map(instances.map((instance) => [idOf(instance), instance]));
}
