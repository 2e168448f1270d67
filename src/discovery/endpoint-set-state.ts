import type { Clock } from '../core/clock.js';
import type { Discovery, DiscoveryHost } from '../core/discovery.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EventEmitter } from '../core/events.js';
import type { ListMemory } from './list-memory.js';

/** How long lists are doubted, failures remembered and first lists waited for. All in milliseconds. */
export interface EndpointSetOptions {
  /** How long a list that lost most of its endpoints is not believed. Default 30,000. */
  readonly holdMs?: number | undefined;
  /** How long callers fail at once after a failed first lookup. Default 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** How long a call waits for the first list. Default 10,000. */
  readonly coldTimeoutMs?: number | undefined;
}

/** What an `EndpointSet` is made of. */
export interface EndpointSetInit {
  readonly service: string;
  readonly discovery: Discovery;
  readonly host: DiscoveryHost;
  readonly clock: Clock;
  readonly events: EventEmitter;
  readonly options?: EndpointSetOptions | undefined;
  /** Where a list may be had from while the source has given none. Default: nowhere. */
  readonly memory?: ListMemory | undefined;
  /** A removed endpoint has nothing in flight any more: close its connections. */
  onRetired(endpoint: Endpoint): void;
  /** The list has just lost its last endpoint. */
  onEmpty?(): void;
}

/** Where a service's list comes from and how fresh it is: plain JSON. Times are by the mesh's clock. */
export interface EndpointSetState {
  readonly source: string;
  readonly state: 'pending' | 'ready';
  readonly endpoints: number;
  /** Removed endpoints that still have something in flight. */
  readonly draining: number;
  /** For how long the list was not confirmed. */
  readonly listAgeMs?: number;
  /** The list is from a snapshot, not from the source, and for so long nobody has confirmed it. */
  readonly snapshotAgeMs?: number;
  /** Since when the source fails. */
  readonly staleSinceMs?: number;
  readonly lastError?: string;
  readonly held?: { readonly from: number; readonly to: number; readonly removing: readonly string[]; readonly untilMs: number };
  /** What the source itself has to say, where it is made of several. */
  readonly sources?: unknown;
}
