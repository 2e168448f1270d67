import type { Announcement, DiscoveryHost } from '../core/discovery.js';
import { ConfigError, MeshError } from '../core/errors.js';
import { knownKeys } from '../core/options-check.js';
import type { Announcements } from './announcements.js';
import { type DrainOptions, type DrainResult, type DrainSettings, drain, drainSettings } from './drain.js';
import { RequestsInFlight } from './requests-in-flight.js';
import { type AnnounceableServer, checkGivenPlace, checkServer, urlOfServer } from './server-place.js';
import { SteadyAnnouncement } from './steady-announcement.js';
import { onSigterm } from './termination.js';

/** What a server says of itself, and how it ends. */
export interface AnnounceServerOptions extends Omit<Announcement, 'url'> {
  /** Where others reach it: scheme, host, port. Default: what it listens on. */
  readonly url?: string | undefined;
  /**
   * The host part alone, where scheme and port are the server's own: a name or an address. Default: the address that it
   * listens on, if it is not a wildcard (0.0.0.0, ::), which nobody can call: then this or `url` has to be given.
   */
  readonly host?: string | undefined;
  /**
   * What to do when the registry cannot be told at the start: 'retry' in the background, with the event
   * `announcementFailed`, or 'reject' `ready`. Default 'retry'.
   */
  readonly onRegistryDown?: 'retry' | 'reject' | undefined;
  /** How to drain when `drain` does not say. Default: see `DrainOptions`. */
  readonly drain?: DrainOptions | undefined;
  /**
   * Whether to drain on the signal SIGTERM. The process is not ended: it ends by itself once nothing else is open, or
   * where you call `process.exit` after `drained`. Default false.
   */
  readonly drainOnSigterm?: boolean | undefined;
}

/** A server that was announced, or will be once it listens. */
export interface AnnouncedServer {
  /**
   * Resolves once the server is in the registry, with its id and URL there. Rejects with a `ConfigError` for an address
   * that nobody can call, and with the registry's error where `onRegistryDown` is 'reject'.
   */
  readonly ready: Promise<{ readonly id: string; readonly url: string }>;
  /** Requests under way now, upgraded connections among them. */
  readonly inFlight: number;
  /** Resolves at the end of the drain, however it began. Stays open when there is none. Never rejects. */
  readonly drained: Promise<DrainResult>;
  /**
   * Takes the server out of the registry, goes on serving until that is known everywhere, lets what is under way end, and
   * closes the server. Happens once: later calls get the outcome of the first.
   * @throws ConfigError for an option that is out of its range.
   */
  drain(options?: DrainOptions): Promise<DrainResult>;
  /** Takes the server out of the registry and forgets it; it goes on serving. Rejects if the registry could not be told. */
  close(): Promise<void>;
}

/** What announcing servers needs of a mesh. */
export interface ServerAnnouncingParts {
  readonly announcements: Announcements;
  readonly host: DiscoveryHost;
  /** How long the registry's clients take to see a removal, where it says so. */
  readonly propagationMs: number | undefined;
  /** What the mesh has to close at its end. */
  readonly open: Set<AnnouncedServer>;
}

const PATH = 'announceServer';
const KEYS = ['service', 'url', 'id', 'weight', 'zone', 'metadata', 'announceTo', 'host', 'onRegistryDown', 'drain', 'drainOnSigterm'];

/** Announces a server for as long as it listens. @throws ConfigError for an option that is out of its range. */
export function announceServer(server: AnnounceableServer, options: AnnounceServerOptions, parts: ServerAnnouncingParts): AnnouncedServer {
  checkServer(server);
  knownKeys(PATH, options, KEYS);
  const { onRegistryDown = 'retry', drainOnSigterm = false } = options;
  if (onRegistryDown !== 'retry' && onRegistryDown !== 'reject') {
    throw new ConfigError(`${PATH}.onRegistryDown`, "'retry' or 'reject'", onRegistryDown);
  }
  if (typeof drainOnSigterm !== 'boolean') throw new ConfigError(`${PATH}.drainOnSigterm`, 'true or false', drainOnSigterm);
  const settings = drainSettings(`${PATH}.drain`, options.drain ?? {}, { propagationMs: parts.propagationMs });
  checkGivenPlace(options);
  // Whatever else is wrong with the announcement is known before the server listens.
  parts.announcements.check(announcementOf(options, options.url ?? 'http://127.0.0.1'));
  if (server.listening) parts.announcements.check(announcementOf(options, urlOfServer(server, options)));
  return new ServerAnnouncement(server, options, settings, parts);
}

function announcementOf(options: AnnounceServerOptions, url: string): Announcement {
  const { service, id, weight, zone, metadata, announceTo } = options;
  return { service, url, id, weight, zone, metadata, announceTo };
}

class ServerAnnouncement implements AnnouncedServer {
  readonly ready: Promise<{ readonly id: string; readonly url: string }>;
  readonly drained: Promise<DrainResult>;
  private readonly requests: RequestsInFlight;
  private readonly notWanted = new AbortController();
  private announcement: SteadyAnnouncement | undefined = undefined;
  private draining: Promise<DrainResult> | undefined = undefined;
  private tellDrained: (result: DrainResult) => void = () => {};
  private readonly forgetSignal: () => void;
  private leaving: Promise<void> | undefined = undefined;

  constructor(
    private readonly server: AnnounceableServer,
    private readonly options: AnnounceServerOptions,
    private readonly settings: DrainSettings,
    private readonly parts: ServerAnnouncingParts,
  ) {
    this.requests = new RequestsInFlight(server);
    this.drained = new Promise((resolve) => {
      this.tellDrained = resolve;
    });
    this.forgetSignal = options.drainOnSigterm === true ? onSigterm(() => this.drain()) : () => {};
    server.on('close', this.serverClosed);
    parts.open.add(this);
    this.ready = this.begin();
  }

  get inFlight(): number {
    return this.requests.size;
  }

  drain(options: DrainOptions = {}): Promise<DrainResult> {
    const settings = drainSettings('drain', options, this.settings);
    this.draining ??= this.end(settings);
    return this.draining;
  }

  close(): Promise<void> {
    // A drain counts what is under way to its end, and closes then.
    if (this.draining === undefined) this.forget();
    return this.leave();
  }

  private async begin(): Promise<{ readonly id: string; readonly url: string }> {
    const { server, options, parts } = this;
    try {
      await listening(server, this.notWanted.signal);
      const announcement = announcementOf(options, urlOfServer(server, options));
      const { id, url } = parts.announcements.check(announcement);
      const isPatient = options.onRegistryDown !== 'reject';
      this.announcement = new SteadyAnnouncement(announcement, id, parts.announcements, parts.host, isPatient);
      await this.announcement.begin();
      return { id, url };
    } catch (error) {
      if (this.draining === undefined) this.forget();
      parts.open.delete(this);
      throw error;
    }
  }

  private async end(settings: DrainSettings): Promise<DrainResult> {
    const { server, requests, parts } = this;
    const result = await drain({ server, requests, clock: parts.host.clock, leave: () => this.leave() }, settings);
    this.forget();
    this.tellDrained(result);
    return result;
  }

  /** A server that closes without a drain is out of the registry all the same, if late. */
  private readonly serverClosed = (): void => {
    this.close().catch((error) => {
      const { service, id = '' } = this.options;
      this.parts.host.announcementFailed(service, id, error);
    });
  };

  private leave(): Promise<void> {
    this.leaving ??= this.takeBack();
    return this.leaving;
  }

  private async takeBack(): Promise<void> {
    // That it was not announced in the end is no surprise to anybody who ends it.
    this.ready.catch(() => {});
    this.notWanted.abort(new MeshError('ERR_MESH_CLOSED', 'the announcement was taken back', { service: this.options.service }));
    this.parts.open.delete(this);
    await this.announcement?.close();
  }

  private forget(): void {
    this.forgetSignal();
    this.server.off('close', this.serverClosed);
    this.requests.stop();
  }
}

/** Resolves once the server listens. A server that cannot is its owner's to mend: it may listen at a later try. */
function listening(server: AnnounceableServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (server.listening) {
      resolve();
      return;
    }
    const listens = (): void => {
      signal.removeEventListener('abort', ends);
      resolve();
    };
    const ends = (): void => {
      server.off('listening', listens);
      reject(signal.reason);
    };
    server.once('listening', listens);
    signal.addEventListener('abort', ends, { once: true });
  });
}
