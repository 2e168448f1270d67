import type { Clock } from './clock.js';
import type { Random } from './random.js';

/**
 * The contract of everything that knows where services are.
 *
 * A source is watched: it pushes what it learns into a sink, for as long as it is not stopped. It never
 * waits for a request and no request waits for it, but the first ones of a service that has no list yet.
 * Sources that can only be asked stand behind a poller (`pollingDiscovery`), which owns refreshing.
 */

/** One instance as a source names it: a URL, or more. */
export type InstanceInput =
  | string
  | {
      /** `http://10.0.0.1:8080`, or with a path that stands before each request's path. */
      readonly url: string;
      /** Tells instances apart. Default: the URL. */
      readonly id?: string | undefined;
      /** Its share of the requests relative to the others'. Above 0, at most 1,000,000. Default 1. */
      readonly weight?: number | undefined;
      /** The lowest priority that has an endpoint to offer is used. A whole number, 0 to 65,535. Default 0. */
      readonly priority?: number | undefined;
      /** Where it is: for balancers that care. Default: none. */
      readonly zone?: string | undefined;
      /** Whatever else it says of itself: at most 64 strings, 16 KiB in all. Default: none. */
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    };

/** How a snapshot came about. */
export interface SnapshotInfo {
  /**
   * True for a list that the registry pushed as the outcome of a change. A list that was asked for (a poll, a
   * reconnect) is only inferred to be what the registry means: were it empty or much shorter, it is held back
   * for a while, since registries come back empty from restarts.
   */
  readonly live?: boolean | undefined;
}

/** Takes what a source learns about one service. All methods may be called at any time, also at once. */
export interface DiscoverySink {
  /** The whole list. Entries to which nothing can be sent are left out and reported. */
  snapshot(instances: readonly InstanceInput[], info?: SnapshotInfo): void;
  /**
   * A change that was seen as it happened: applied at once. `remove` takes ids. An empty change says that the source can
   * be asked again and that the list stands.
   */
  patch(change: { readonly upsert?: readonly InstanceInput[]; readonly remove?: readonly string[] }): void;
  /** The source could not be asked, or (an `UnknownServiceError`) does not know the service. */
  failed(error: unknown): void;
}

/** Ends a watch. */
export type Stop = () => void;

/** How a source that is made of sources tells of a single one of them. */
export interface MemberReports {
  /** A member cannot be asked. Once an outage; its last list goes on serving. */
  failed(service: string, member: string, error: unknown, staleForMs: number | undefined): void;
  /** A member that had failed answers again. */
  recovered(service: string, member: string, afterMs: number): void;
  /** A member's list looked like a mistake and is not believed for `forMs`. */
  held(service: string, from: number, to: number, forMs: number): void;
  /** Requests go to the instances of another member from now on. `from` is undefined for the first. */
  switched(service: string, from: string | undefined, to: string): void;
}

/** What a source may use of the mesh that watches through it. */
export interface DiscoveryHost {
  /** Times and timers of a source go by this clock. */
  readonly clock: Clock;
  /** Jitter is drawn from this. */
  readonly random: Random;
  /** Reports an entry that had to be left out. */
  skipped(service: string, entry: string, reason: string): void;
  /** Reports that an announced instance may drop out of the registry, or did: it goes on trying. */
  announcementFailed(service: string, instance: string, error: unknown): void;
  /** Reports that an announced instance whose announcement had failed is in the registry again. */
  announced(service: string, instance: string): void;
  /** For sources that are made of sources. Default: nobody wants to know. */
  readonly members?: MemberReports | undefined;
}

/** What a service instance says about itself when it announces. */
export interface Announcement {
  /** The service that it is an instance of. */
  readonly service: string;
  /** Where others reach it. */
  readonly url: string;
  /** Tells instances apart. Default: the URL. */
  readonly id?: string | undefined;
  /** Its share of the requests relative to the others'. Above 0, at most 1,000,000. Default 1. */
  readonly weight?: number | undefined;
  /** Where it is. Default: none. */
  readonly zone?: string | undefined;
  /** Whatever else it says of itself: at most 64 strings, 16 KiB in all. Default: none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The name of the registry to announce to, where the mesh has several. Default: the only one that takes announcements. */
  readonly announceTo?: string | undefined;
}

/** An announced instance. */
export interface Lease {
  /** The instance's id. */
  readonly id: string;
  /** Takes the instance out of the registry; resolves once it is out. Safe to call again. */
  close(): Promise<void>;
}

/** A source of endpoint lists, and a registry too where it can `announce`. */
export interface Discovery {
  /** Names the source in errors and events. */
  readonly name: string;
  /** Watches a service until stopped. May call the sink before it returns. */
  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop;
  /** Whether the source's own configuration names the service: such names are services by declaration. */
  declares?(service: string): boolean;
  /** Announces an instance until the lease is closed. */
  announce?(announcement: Announcement, host: DiscoveryHost): Promise<Lease>;
  /** The names that `announceTo` may have, for a source that stands for several registries. Default: its own name. */
  readonly registries?: readonly string[] | undefined;
  /**
   * How long it takes, in milliseconds, until all clients have seen that an instance left: what a server that drains
   * waits for. Default: 2,000.
   */
  readonly propagationMs?: number | undefined;
  /** What the source itself has to say about a service that is watched, as plain JSON, for `mesh.inspect()`. */
  inspect?(service: string): unknown;
  /** Lets go of what all watches share. */
  close?(): Promise<void> | void;
}

/** How long a removal takes to reach all clients where the registry does not say: longer than the polls and watches of most. */
export const DEFAULT_PROPAGATION_MS = 2_000;
