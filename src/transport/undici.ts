import type { Dispatcher } from 'undici';
import type { Call } from '../core/call.js';
import type { Timer } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { jittered } from '../core/jitter.js';
import type { Reply } from '../core/reply.js';
import type { Payload, RequestBody } from '../core/request-body.js';
import { ConnectionPool } from './connection-pool.js';
import { Connector } from './connector.js';
import { Exchange } from './exchange.js';
import type { Connection, Transport, TransportScope } from './transport.js';

/**
 * HTTP/1.1 over undici: one pool of connections an endpoint, made at the endpoint's first request and let go
 * of once it has been idle long enough that its sockets are closed anyway (an idle connection costs some 6 KB, and
 * a client may know ten thousand endpoints).
 *
 * undici's own timeouts are off: the mesh's policies bound every phase, and two clocks for one time is a
 * fault to find later.
 */
export function undiciTransport(): Transport {
  const closing = new Set<Promise<unknown>>();
  return {
    connect: (endpoint, scope) => new PooledConnection(endpoint, scope, closing),
    close: async () => {
      await Promise.all(closing);
    },
  };
}

class PooledConnection implements Connection {
  private pool: ConnectionPool | undefined = undefined;
  /** When the pool has to be replaced, where connections have an age. */
  private tooOldAtMs: number | undefined = undefined;
  private idleTimer: Timer | undefined = undefined;
  private closed = false;
  /**
   * The name for TLS. Without one undici takes it from the Host header, which is the service's name unless the
   * endpoint's is asked for. Where there is no TLS, any will do and saves undici from looking for one.
   */
  private readonly servername: string | undefined;
  /** Of the pool that is open. */
  private connector: Connector | undefined = undefined;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly scope: TransportScope,
    /** Pools that are being closed: who closes the mesh waits for their sockets. */
    private readonly closing: Set<Promise<unknown>>,
  ) {
    this.servername = endpoint.instance.protocol === 'http:' ? endpoint.instance.hostname : scope.tls?.servername;
  }

  readonly send = (call: Call): Promise<Reply> =>
    new Promise<Reply>((resolve, reject) => {
      const exchange = new Exchange(call, this.scope.clock, resolve, reject);
      call.waitsFor(exchange);
      const pool = this.poolAt(call.nowMs);
      const { basePath } = this.endpoint.instance;
      const path = basePath === '' ? call.path : basePath + call.path;
      const { body } = call;
      // `blocking` is about pipelines, which there are none of: undici would look for more to write at each answer's headers.
      const options =
        body === undefined
          ? { path, method: call.method, headers: call.headers, body: null, servername: this.servername, blocking: false }
          : {
              path,
              method: call.method,
              headers: headersWithLength(call, body),
              body: payload(body, exchange),
              servername: this.servername,
              blocking: false,
            };
      pool.dispatch(options as Dispatcher.DispatchOptions, exchange as Dispatcher.DispatchHandler, exchange);
    });

  raw(): ConnectionPool {
    return this.pool ?? this.open();
  }

  close(): void {
    this.closed = true;
    this.letGo();
  }

  /**
   * The pool to send through. One that is too old is replaced as a whole and closes once what it has in flight is
   * over.
   */
  private poolAt(nowMs: number): ConnectionPool {
    const { pool } = this;
    if (pool !== undefined && (this.tooOldAtMs === undefined || nowMs < this.tooOldAtMs)) return pool;
    if (pool !== undefined) this.letGo();
    return this.open();
  }

  private open(): ConnectionPool {
    const { connections, clock, random } = this.scope;
    const connector = new Connector(this.scope);
    const pool = new ConnectionPool(this.endpoint.origin, connections.max, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: connections.idleMs,
      keepAliveMaxTimeout: connections.idleMs,
      connect: connector.connect,
    });
    this.connector = connector;
    this.pool = pool;
    if (connections.maxAgeMs !== Number.POSITIVE_INFINITY) this.tooOldAtMs = clock.now() + jittered(connections.maxAgeMs, random);
    this.watchIdle();
    return pool;
  }

  /** Closes the pool once nothing has been sent for longer than a socket is kept. */
  private watchIdle(): void {
    const { clock, connections } = this.scope;
    const keepMs = connections.idleMs + IDLE_MARGIN_MS;
    this.idleTimer = clock.setTimer(() => {
      if (this.endpoint.inFlight > 0 || clock.now() - this.endpoint.lastUsedMs < keepMs) this.watchIdle();
      else this.letGo();
    }, keepMs);
    this.idleTimer.unref();
  }

  private letGo(): void {
    this.idleTimer?.cancel();
    this.idleTimer = undefined;
    const { pool, connector } = this;
    this.pool = undefined;
    this.connector = undefined;
    if (pool === undefined) return;
    if (!this.closed) {
      pool.close();
      return;
    }
    connector?.close();
    const destroyed = pool.destroy().catch(noop);
    this.closing.add(destroyed);
    destroyed.then(() => this.closing.delete(destroyed));
  }
}

/** Added to the time that idle sockets are kept, so that the last one has closed by itself. */
const IDLE_MARGIN_MS = 1_000;

function noop(): void {}

/** undici computes the length of strings and bytes; of anything else only the body knows it. */
function headersWithLength(call: Call, body: RequestBody): readonly string[] {
  if (body.length === undefined || call.header('content-length') !== undefined) return call.headers;
  return [...call.headers, 'content-length', String(body.length)];
}

function payload(body: RequestBody, exchange: Exchange): Payload {
  const opened = body.open();
  if (typeof opened === 'string' || opened instanceof Uint8Array) return opened;
  return watched(opened, exchange);
}

/** Passes a stream's chunks on, and tells its own failure from the socket's. */
async function* watched(chunks: AsyncIterable<Uint8Array>, exchange: Exchange): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    exchange.requestBodyError = { error };
    throw error;
  }
}
