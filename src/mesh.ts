import { AsyncLocalStorage } from 'node:async_hooks';
import { LRUCache } from 'lru-cache';
import { type AnnouncedServer, type AnnounceServerOptions, announceServer } from './announcing/announce-server.js';
import { Announcements } from './announcing/announcements.js';
import type { AnnounceableServer } from './announcing/server-place.js';
import { systemClock } from './core/clock.js';
import { DeadlineQueue } from './core/deadline-queue.js';
import type { Announcement, DiscoveryHost, Lease } from './core/discovery.js';
import { ConfigError, MeshError } from './core/errors.js';
import { EventEmitter, type MeshEventName, type MeshListener } from './core/events.js';
import { durationMs, wholeNumberIn } from './core/options-check.js';
import { systemRandom } from './core/random.js';
import { DiskSnapshot } from './discovery/disk-snapshot.js';
import { ServiceCache } from './discovery/service-cache.js';
import { type MeshDispatcher, meshDispatcher } from './facade/dispatcher.js';
import { type FacadeParts, type MeshFetch, meshFetch, serviceFetch } from './facade/fetch.js';
import { Passthrough } from './facade/passthrough.js';
import { TargetReader } from './facade/target.js';
import { inspectMesh, type MeshState } from './inspect.js';
import { memberReports } from './member-reports.js';
import { MeshClock } from './mesh-clock.js';
import { type MeshOptions, meshSettings } from './options.js';
import { type MeshParts, Service } from './service.js';
import { checkServiceName, hostToService } from './service-names.js';
import { shutDown } from './shut-down.js';
import { undiciTransport } from './transport/undici.js';

/** One service of a mesh, by name. */
export interface ServiceHandle {
  /** The service's name, as it was given. */
  readonly name: string;
  /**
   * `fetch` within the service: a path, or a URL of this service. A URL of another origin is refused, so that
   * a path made of someone else's input cannot lead elsewhere. Needs no `this`.
   */
  readonly fetch: MeshFetch;
}

/** How `mesh.ready` waits. */
export interface ReadyOptions {
  /** For how long to wait, in milliseconds. Above 0; default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How many endpoints each service must have. At least 0; default 1. */
  readonly minEndpoints?: number | undefined;
}

/** How `mesh.close` ends what is under way. */
export interface CloseOptions {
  /** For how long calls under way may go on, in milliseconds. At least 0; default 5,000. */
  readonly graceMs?: number | undefined;
}

/** A client-side service mesh: made by `createMesh`. */
export interface Mesh extends AsyncDisposable {
  /**
   * Like `globalThis.fetch`, with the hosts that are services found, balanced and protected. It needs no
   * `this`, so it can be handed to any library that takes a `fetch`.
   */
  readonly fetch: MeshFetch;
  /** An undici dispatcher for whoever takes one: the built-in `fetch`, `undici.request`, `setGlobalDispatcher`. */
  readonly dispatcher: MeshDispatcher;
  /** A service by name, also one whose name is no host. @throws MeshError for what cannot be a name. */
  service(name: string): ServiceHandle;
  /** Hears events. A listener that throws is reported as a process warning and disturbs nothing. */
  on<Name extends MeshEventName>(name: Name, listener: MeshListener<Name>): this;
  /** Ends what `on` began with the same listener. */
  off<Name extends MeshEventName>(name: Name, listener: MeshListener<Name>): this;
  /**
   * Resolves once the services have endpoints: for readiness probes and for warming up.
   * @throws MeshError of the service that is not ready in time.
   */
  ready(services?: readonly string[], options?: ReadyOptions): Promise<void>;
  /**
   * Announces an instance of a service in the mesh's registry, until the lease is closed. One that is announced already
   * is taken back first: there are never two entries for it.
   * @throws ConfigError for an instance that nobody could reach, and for an `announceTo` that the mesh does not have.
   * @throws MeshError where the mesh's discovery cannot announce, or could not.
   */
  announce(announcement: Announcement): Promise<Lease>;
  /**
   * Announces a Node http, https or http2 server once it listens, for as long as it does, and drains it: out of the
   * registry first, closed last, with no request lost in between.
   * @throws ConfigError for an option that is out of its range, and for a listening server whose address nobody can call.
   * @example
   * const announced = mesh.announceServer(createServer(handler).listen(8080, '10.0.0.1'), { service: 'users' });
   * await announced.ready;
   * process.once('SIGTERM', () => announced.drain());
   */
  announceServer(server: AnnounceableServer, options: AnnounceServerOptions): AnnouncedServer;
  /** The whole state as plain JSON. */
  inspect(): MeshState;
  /** Refuses new calls, lets those under way finish within the grace, takes announcements back, closes every socket, watch and timer. */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a mesh.
 *
 * Nothing is looked up and nothing dialled until the first call. Each process, and each worker thread, has a
 * mesh of its own: budgets, breakers and statistics are not shared between them.
 *
 * @throws ConfigError that names the first bad option.
 * @example
 * const mesh = createMesh({ discovery: staticDiscovery({ users: ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'] }) });
 * const response = await mesh.fetch('http://users/users/42');
 */
export function createMesh(options: MeshOptions): Mesh {
  const settings = meshSettings(options);
  const { discovery } = options;
  const random = options.random ?? systemRandom;
  const transport = options.transport ?? undiciTransport();
  const events = new EventEmitter();
  const inMeshContext: MeshParts['inMeshContext'] = AsyncLocalStorage.snapshot();
  const clock = new MeshClock(options.clock ?? systemClock, inMeshContext);
  const deadlines = new DeadlineQueue(clock);
  const servers = new Set<AnnouncedServer>();
  let closing: Promise<void> | undefined;

  const host: DiscoveryHost = {
    clock,
    random,
    skipped(service, entry, reason) {
      if (events.has('instanceSkipped')) events.emit('instanceSkipped', { service, source: discovery.name, entry, reason });
    },
    announcementFailed(service, instance, error) {
      if (events.has('announcementFailed')) events.emit('announcementFailed', { service, instance, error });
    },
    announced(service, instance) {
      if (events.has('announcementRecovered')) events.emit('announcementRecovered', { service, instance });
    },
    members: memberReports(discovery.name, events),
  };
  const refusal = () => (closing === undefined ? undefined : new MeshError('ERR_MESH_CLOSED', 'the mesh is closed'));
  const memory =
    settings.cache.snapshot &&
    new DiskSnapshot({
      settings: settings.cache.snapshot,
      source: discovery.name,
      clock,
      random,
      lists: () => cache.all().flatMap(({ endpoints }) => endpoints.current ?? []),
      failed(operation, error) {
        const { path } = settings.cache.snapshot ?? { path: '' };
        if (events.has('snapshotFailed')) events.emit('snapshotFailed', { path, operation, error });
      },
    });
  const parts: MeshParts = {
    discovery,
    host,
    clock,
    random,
    events,
    deadlines,
    transport,
    cache: settings.cache,
    memory,
    hostOf: (name) => reader.named(name).host,
    inMeshContext,
    refusal,
  };
  const announcements = new Announcements({ discovery, host, refusal, inMeshContext });
  const cache = new ServiceCache<Service>(settings.cache);

  /** What a new service is made of; there are none once the mesh is closing. */
  function partsWhileOpen(): MeshParts {
    const refused = refusal();
    if (refused !== undefined) throw refused;
    return parts;
  }

  const reader = new TargetReader(hostToService(options));

  const service = (name: string): Service =>
    cache.get(name) ?? cache.create(name, () => new Service(name, settings.services.get(name) ?? settings.defaults, partsWhileOpen()));

  const unknownHosts = options.unknownHosts ?? 'passthrough';
  const fetchParts: FacadeParts = { reader, service, passthrough: new Passthrough(unknownHosts), unknownHosts, clock };
  const fetch = meshFetch(fetchParts);
  const handles = new LRUCache<string, ServiceHandle>({ max: settings.cache.maxServices });
  let dispatcher: MeshDispatcher | undefined;

  const mesh: Mesh = {
    fetch,
    get dispatcher() {
      dispatcher ??= meshDispatcher(fetchParts);
      return dispatcher;
    },
    service(name) {
      let handle = handles.get(name);
      if (handle === undefined) {
        handle = { name: checkServiceName(name), fetch: serviceFetch(name, fetchParts) };
        handles.set(name, handle);
      }
      return handle;
    },
    on(name, listener) {
      events.on(name, listener);
      return mesh;
    },
    off(name, listener) {
      events.off(name, listener);
      return mesh;
    },
    async ready(names = [...settings.services.keys()], { timeoutMs = 10_000, minEndpoints = 1 } = {}) {
      durationMs('ready.timeoutMs', timeoutMs);
      wholeNumberIn('ready.minEndpoints', minEndpoints, 0, Number.MAX_SAFE_INTEGER);
      if (!Array.isArray(names)) throw new ConfigError('ready', "a list of services' names", names);
      partsWhileOpen();
      await Promise.all(names.map((name) => service(checkServiceName(name)).endpoints.waitFor(minEndpoints, timeoutMs)));
    },
    async announce(announcement) {
      partsWhileOpen();
      return await announcements.announce(announcement);
    },
    announceServer(server, options) {
      partsWhileOpen();
      return announceServer(server, options, { announcements, host, propagationMs: discovery.propagationMs, open: servers });
    },
    inspect: () => inspectMesh(cache.all(), discovery),
    close({ graceMs = 5_000 } = {}) {
      if (!(graceMs >= 0)) throw new ConfigError('close.graceMs', 'a number of milliseconds of at least 0', graceMs);
      // In the next microtask `closing` is set, and new calls are refused.
      closing ??= Promise.resolve().then(() =>
        shutDown({ leases: new Set([...servers, ...announcements.open]), cache, memory, deadlines, transport, discovery, clock }, graceMs),
      );
      return closing;
    },
    [Symbol.asyncDispose]: () => mesh.close(),
  };

  return mesh;
}
