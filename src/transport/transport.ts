import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Send } from '../core/policy.js';
import type { Random } from '../core/random.js';
import type { ConnectionSettings, TlsOptions } from './connection-options.js';

/**
 * The way from an endpoint's stack to the wire. The mesh's own speaks HTTP/1.1 through undici; tests put a
 * scripted one in its place, and nothing above can tell the difference.
 *
 * A transport's `send` sets `call.progress` and `call.sentMs` when the request is about to be written, and
 * `call.latencyMs` when the headers are there; it names itself with `call.waitsFor`, so that cancelling the
 * call stops it at once.
 */
export interface Transport {
  /** Opens the way to one endpoint. Called at the endpoint's first use; dials no sooner than `send` does. */
  connect(endpoint: Endpoint, scope: TransportScope): Connection;
  /** The mesh is closed, and nothing is in flight. */
  close?(): Promise<void> | void;
}

/** The connections to one endpoint. */
export interface Connection {
  /** Sends one attempt; resolves at its headers. */
  readonly send: Send;
  /** Lets go of everything; what is still in flight fails. */
  close(): void;
  /** The undici dispatcher behind it, for requests that take over a socket (upgrades, CONNECT). */
  raw?(): unknown;
}

/** What a transport may use. */
export interface TransportScope {
  /** The service's name: what TLS asks for. */
  readonly service: string;
  /** Timers and latencies go by this clock. */
  readonly clock: Clock;
  /** What is drawn is drawn from this, such as by how much the age of connections differs. */
  readonly random: Random;
  /** How connections are kept. */
  readonly connections: ConnectionSettings;
  /** What TLS is made of; undefined for Node's own. */
  readonly tls: TlsOptions | undefined;
  /** Runs `work` in the async context that the mesh was made in, so that sockets keep no caller's context. */
  inMeshContext<T>(work: () => T): T;
}
