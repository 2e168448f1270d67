import type { Dispatcher as UndiciDispatcher } from 'undici';
import api from 'undici/lib/api/index.js';
import { RequestAbortedError } from 'undici/lib/core/errors.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import UnwrapHandler from 'undici/lib/handler/unwrap-handler.js';
import { Call } from '../core/call.js';
import { MeshError } from '../core/errors.js';
import type { Service } from '../service.js';
import { headerTraits } from './derived-headers.js';
import { type LegacyHandler, ReplyDelivery } from './dispatch-reply.js';
import { type DispatchOptions, dispatchBody, flatHeaders, hasHeader, timesOf, urlOf } from './dispatch-request.js';
import type { FacadeParts } from './facade-parts.js';
import { IDEMPOTENT_METHODS } from './idempotent-methods.js';
import type { ServiceDestination, Target } from './target.js';

/** The slot in which every undici keeps the dispatcher of its process, for handlers of the older protocol. */
const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/** The dispatcher that the runtime's own `fetch` takes, by the types of the Node that the user compiles for. */
type RuntimeDispatcher = RequestInit extends { dispatcher?: infer D | undefined } ? NonNullable<D> : unknown;

/** A dispatcher, to undici and to the runtime's `fetch` alike. */
export type MeshDispatcher = UndiciDispatcher & RuntimeDispatcher;

/** The mesh as a dispatcher. */
export function meshDispatcher(parts: FacadeParts): MeshDispatcher {
  return new ServiceDispatcher(parts) as UndiciDispatcher as MeshDispatcher;
}

/** A dispatcher's options, marked by each mesh that has passed them on. */
type MarkedOptions = DispatchOptions & { readonly [mark: symbol]: true | undefined };

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
  /** On the options of a request that was passed on: who comes back with it was sent from here. */
  readonly #mark: symbol = Symbol('passed on by fetchmesh');
  #passingOn = false;

  static {
    // undici's main entry would do it, for all dispatchers at once and with more beside.
    Object.assign(ServiceDispatcher.prototype, api);
  }

  constructor(parts: FacadeParts) {
    super();
    this.#parts = parts;
    // The runtime installs its dispatcher when its fetch is first touched.
    void globalThis.Response;
    this.#before = currentDispatcher();
  }

  override dispatch(options: DispatchOptions, givenHandler: UndiciDispatcher.DispatchHandler): boolean {
    const handler = UnwrapHandler.unwrap(givenHandler) as LegacyHandler;
    try {
      const destination = this.#parts.reader.read(urlOf(options));
      if (destination.target === undefined) return this.#passOn(destination.url, options, handler);
      if (options.upgrade || options.method === 'CONNECT') this.#handOver(destination, options, handler);
      else this.#send(destination, options, handler);
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
   * installed meanwhile is met. Where that one leads back here (it is this one, or one composed of it), to the
   * one from before the mesh. Some lead back at once, others after a look-up of their own.
   */
  #passOn(url: URL, options: DispatchOptions, handler: LegacyHandler): boolean {
    if (this.#parts.unknownHosts === 'error') {
      throw new MeshError('ERR_MESH_UNKNOWN_HOST', `${url.host} is no service of this mesh, and unknownHosts is 'error'`);
    }
    const current = currentDispatcher();
    const isBack = this.#passingOn || (options as MarkedOptions)[this.#mark] === true;
    const next = current === undefined || current === this || isBack ? this.#before : current;
    if (next === undefined || next === this) throw new MeshError('ERR_MESH_UNKNOWN_HOST', `there is no dispatcher for ${url.host}`);
    const outermost = !this.#passingOn;
    this.#passingOn = true;
    try {
      return next.dispatch({ ...options, [this.#mark]: true } as DispatchOptions, handler);
    } finally {
      if (outermost) this.#passingOn = false;
    }
  }

  #send({ target, path }: ServiceDestination, options: DispatchOptions, handler: LegacyHandler): void {
    const service = this.#parts.service(target.service);
    const { method } = options;
    const overrides = timesOf(options, service);
    const { body, contentType } = dispatchBody(options.body, 0);
    const headers = headersFor(service, target, options, contentType);
    const idempotent = options.idempotent ?? (IDEMPOTENT_METHODS.has(method) || headerTraits(headers).idempotencyKey);
    const call = new Call({ service: target.service, method, path, headers, body, idempotent, overrides });
    const delivery = new ReplyDelivery(call, handler);
    // The handler may abort at once: then the call is over before it has begun, and the stack says so.
    handler.onConnect((reason?: Error) => delivery.abort(reason ?? new RequestAbortedError()));
    service.begin(call).then(
      (reply) => {
        service.answered(call, reply);
        delivery.begin(reply);
      },
      (error) => handler.onError(service.failed(call, error) as Error),
    );
  }

  /** A request that takes over its socket: the mesh chooses the endpoint, and stands aside. */
  #handOver({ target, path }: ServiceDestination, options: DispatchOptions, handler: LegacyHandler): void {
    const service = this.#parts.service(target.service);
    const { method } = options;
    const call = new Call({ service: target.service, method, path, headers: [], idempotent: false });
    const headers = headersFor(service, target, options, undefined);
    service
      .pick(call)
      .then((endpoint) => {
        const dispatcher = service.connect(endpoint).raw?.() as UndiciDispatcher | undefined;
        if (dispatcher === undefined) {
          throw new MeshError('ERR_MESH_REQUEST', 'this transport cannot hand over a socket', { service: target.service });
        }
        // The path of a CONNECT is an address, and none of the endpoint's.
        const fullPath = method === 'CONNECT' ? options.path : endpoint.instance.basePath + path;
        const own = { ...options, origin: endpoint.origin, path: fullPath, query: undefined, headers };
        dispatcher.dispatch(own as unknown as DispatchOptions, handler);
      })
      .catch((error) => handler.onError(error));
  }
}

function headersFor(service: Service, target: Target, options: DispatchOptions, contentType: string | undefined): string[] {
  const headers = flatHeaders(options.headers);
  if (service.settings.host === 'service' && !hasHeader(headers, 'host')) headers.push('host', target.host);
  if (contentType !== undefined && !hasHeader(headers, 'content-type')) headers.push('content-type', contentType);
  return headers;
}

function currentDispatcher(): UndiciDispatcher | undefined {
  return (globalThis as { [GLOBAL_DISPATCHER]?: UndiciDispatcher })[GLOBAL_DISPATCHER];
}
