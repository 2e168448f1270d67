import type { Dispatcher as UndiciDispatcher } from 'undici';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import UnwrapHandler from 'undici/lib/handler/unwrap-handler.js';
import { Call } from '../core/call.js';
import { MeshError } from '../core/errors.js';
import type { RawHeaders, Reply } from '../core/reply.js';
import type { FacadeParts } from './fetch.js';
import { extractBody } from './request-body.js';
import type { Target } from './target.js';

type Handler = Required<UndiciDispatcher.DispatchHandler>;
type Options = UndiciDispatcher.DispatchOptions;

/** The slot in which every undici keeps the dispatcher of its process, for handlers of the older protocol. */
const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1');

const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** The dispatcher that the runtime's own `fetch` takes, by the types of the Node that the user compiles for. */
type RuntimeDispatcher = RequestInit extends { dispatcher?: infer D | undefined } ? NonNullable<D> : unknown;

/** A dispatcher, to undici and to the runtime's `fetch` alike. */
export type MeshDispatcher = UndiciDispatcher & RuntimeDispatcher;

/** The mesh as a dispatcher. */
export function meshDispatcher(parts: FacadeParts): MeshDispatcher {
  return new ServiceDispatcher(parts) as UndiciDispatcher as MeshDispatcher;
}

/**
 * The mesh as an undici dispatcher, for code that already speaks to one: `fetch(url, { dispatcher })`,
 * `undici.request`, `setGlobalDispatcher`. Hosts that are no service go to the dispatcher that was the
 * process's own before.
 *
 * Two protocols of handlers are about; the built-in `fetch` of every supported Node hands over the older one.
 * Handlers of the newer one are given the older one's methods, and are driven the same way.
 *
 * The built-in `fetch` turns every request body into a stream before it arrives here, so it is sent once;
 * `mesh.fetch` can repeat it.
 */
class ServiceDispatcher extends Dispatcher {
  readonly #parts: FacadeParts;
  readonly #before: UndiciDispatcher | undefined;
  #passingOn = false;

  constructor(parts: FacadeParts) {
    super();
    this.#parts = parts;
    // The runtime installs its dispatcher when its fetch is first touched.
    void globalThis.Response;
    this.#before = currentDispatcher();
  }

  override dispatch(options: Options, givenHandler: UndiciDispatcher.DispatchHandler): boolean {
    const handler = UnwrapHandler.unwrap(givenHandler) as Handler;
    try {
      const destination = this.#parts.reader.read(urlOf(options));
      if (destination.target === undefined) return this.#passOn(destination.url, options, handler);
      if (options.upgrade || options.method === 'CONNECT') this.#handOver(destination.target, options, handler);
      else this.#send(destination.target, destination.path, options, handler);
    } catch (error) {
      handler.onError(error as Error);
    }
    return true;
  }

  /** Nothing of its own to close: `mesh.close()` ends the mesh. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    if (callback === undefined) return Promise.resolve();
    queueMicrotask(callback);
  }

  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(errorOrCallback?: Error | null | (() => void), callback?: () => void): Promise<void> | void {
    const done = typeof errorOrCallback === 'function' ? errorOrCallback : callback;
    if (done === undefined) return Promise.resolve();
    queueMicrotask(done);
  }

  /**
   * A host that is no service: to the process's dispatcher of this moment, so that a mock or a proxy that was
   * installed meanwhile is met. Should that one lead back here, to the one from before the mesh.
   */
  #passOn(url: URL, options: Options, handler: Handler): boolean {
    if (this.#parts.unknownHosts === 'error') {
      throw new MeshError('ERR_MESH_UNKNOWN_HOST', `${url.host} is no service of this mesh, and unknownHosts is 'error'`);
    }
    const current = currentDispatcher();
    const next = current === undefined || current === this || this.#passingOn ? this.#before : current;
    if (next === undefined || next === this) throw new MeshError('ERR_MESH_UNKNOWN_HOST', `there is no dispatcher for ${url.host}`);
    const outermost = !this.#passingOn;
    this.#passingOn = true;
    try {
      return next.dispatch(options, handler);
    } finally {
      if (outermost) this.#passingOn = false;
    }
  }

  #send(target: Target, path: string, options: Options, handler: Handler): void {
    const service = this.#parts.service(target.service);
    const { method } = options;
    const { body, contentType } = extractBody(options.body as Parameters<typeof extractBody>[0], { duplex: 'half', bufferBody: 0 });
    const headers = flatHeaders(options.headers);
    if (service.settings.host === 'service' && !has(headers, 'host')) headers.push('host', target.host);
    if (contentType !== undefined && !has(headers, 'content-type')) headers.push('content-type', contentType);
    const idempotent = options.idempotent ?? IDEMPOTENT.has(method);
    const call = new Call({ service: target.service, method, path, headers, body, idempotent });
    handler.onConnect((reason?: Error) => call.cancel(reason ?? new DOMException('This operation was aborted', 'AbortError')));
    service.begin(call).then(
      (reply) => {
        service.answered(call, reply);
        deliver(reply, call, handler);
      },
      (error) => handler.onError(service.failed(call, error) as Error),
    );
  }

  /** A request that takes over its socket: the mesh chooses the endpoint, and stands aside. */
  #handOver(target: Target, options: Options, handler: Handler): void {
    const service = this.#parts.service(target.service);
    const call = new Call({ service: target.service, method: options.method, path: options.path, headers: [], idempotent: false });
    service
      .pick(call)
      .then((endpoint) => {
        const dispatcher = service.connect(endpoint).raw?.() as UndiciDispatcher | undefined;
        if (dispatcher === undefined)
          throw new MeshError('ERR_MESH_REQUEST', 'this transport cannot hand over a socket', { service: target.service });
        const headers = flatHeaders(options.headers);
        if (service.settings.host === 'service' && !has(headers, 'host')) headers.push('host', target.host);
        dispatcher.dispatch({ ...options, origin: endpoint.origin, headers }, handler);
      })
      .catch((error) => handler.onError(error));
  }
}

/** Plays a reply to a handler. A handler that throws ends the call and is told so, as undici does it. */
function deliver(reply: Reply, call: Call, handler: Handler): void {
  let waiting = false;
  const resume = () => {
    if (waiting) {
      waiting = false;
      reply.read(reader);
    } else {
      reply.resume();
    }
  };
  const guarded = <T>(work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch (error) {
      call.cancel(error);
      return otherwise;
    }
  };
  const reader = {
    chunk: (bytes: Buffer) => guarded(() => handler.onData(bytes) !== false, true),
    end: () => guarded(() => handler.onComplete(asBuffers(reply.trailers) as never), undefined),
    error: (reason: unknown) => handler.onError(reason as Error),
  };
  try {
    waiting = handler.onHeaders(reply.status, asBuffers(reply.rawHeaders), resume, reply.statusText) === false;
  } catch (error) {
    reply.cancel(error);
    handler.onError(error as Error);
    return;
  }
  if (!waiting) reply.read(reader);
}

function currentDispatcher(): UndiciDispatcher | undefined {
  return (globalThis as { [GLOBAL_DISPATCHER]?: UndiciDispatcher })[GLOBAL_DISPATCHER];
}

function urlOf({ origin, path }: Options): string {
  if (path.startsWith('http://') || path.startsWith('https://') || origin === undefined) return path;
  const base = typeof origin === 'string' ? origin : origin.origin;
  return path.startsWith('/') ? base + path : `${base}/${path}`;
}

function asBuffers(headers: RawHeaders): Buffer[] {
  return headers.map((each) => (typeof each === 'string' ? Buffer.from(each, 'latin1') : each));
}

/** Headers in any of the forms that undici takes, as names and values in turn. */
function flatHeaders(headers: Options['headers']): string[] {
  if (headers === undefined || headers === null) return [];
  const flat: string[] = [];
  const add = (name: string, value: unknown) => {
    if (Array.isArray(value)) for (const each of value) flat.push(name, String(each));
    else if (value !== undefined) flat.push(name, value === null ? '' : String(value));
  };
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    for (let i = 0; i + 1 < headers.length; i += 2) add(String(headers[i]), headers[i + 1]);
  } else if (Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<[string, unknown]>) add(name, value);
  } else {
    for (const [name, value] of Object.entries(headers)) add(name, value);
  }
  return flat;
}

function has(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return true;
  return false;
}
