import { Call } from '../core/call.js';
import { MeshError } from '../core/errors.js';
import type { Reply } from '../core/reply.js';
import type { Service } from '../service.js';
import { type CheckedCallOptions, callOptions } from './call-options.js';
import type { MeshFetch, MeshRequestInit } from './fetch-types.js';
import { requestHeaders } from './headers.js';
import { nextHop } from './redirect.js';
import { isRequest, PLAIN_GET, partsOfRequest, type RequestParts, requestParts } from './request.js';
import { extractBody } from './request-body.js';
import { meshResponseClass } from './response.js';
import type { Destination, Target, TargetReader } from './target.js';

export type { CallOptions, MeshBody, MeshFetch, MeshRequestInit } from './fetch-types.js';

/** What the facades need of a mesh. */
export interface FacadeParts {
  readonly reader: TargetReader;
  /** The service of this name, running. */
  service(name: string): Service;
  readonly unknownHosts: 'passthrough' | 'error';
  /** The runtime's `fetch` when the mesh was made. */
  readonly runtimeFetch: typeof globalThis.fetch;
}

/** Methods that may be sent twice (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

/** `mesh.fetch`: services go into the mesh, other hosts to the runtime's own `fetch`. */
export function meshFetch(parts: FacadeParts): MeshFetch {
  const { reader } = parts;
  const fetch: MeshFetch = (input, init) => {
    try {
      if (typeof input === 'string') return go(reader.read(input), init === undefined ? PLAIN_GET : requestParts(init), input, init);
      if (isRequest(input)) {
        const destination = reader.read(input.url);
        if (destination.target === undefined) return passThrough(destination.url, input, init);
        return go(destination, partsOfRequest(input, init), input, init);
      }
      return go(reader.read(String(input)), init === undefined ? PLAIN_GET : requestParts(init), input, init);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  function go(
    destination: Destination,
    request: RequestParts,
    input: string | URL | Request,
    init: MeshRequestInit | undefined,
  ): Promise<Response> {
    if (destination.target === undefined) return passThrough(destination.url, input, init);
    return send(parts, destination.target, destination.path, destination.url, request, init);
  }

  function passThrough(url: URL, input: string | URL | Request, init: MeshRequestInit | undefined): Promise<Response> {
    if (parts.unknownHosts === 'error' && (url.protocol === 'http:' || url.protocol === 'https:')) {
      throw new MeshError('ERR_MESH_UNKNOWN_HOST', `${url.host} is no service of this mesh, and unknownHosts is 'error'`);
    }
    if (init?.mesh !== undefined) {
      throw new MeshError(
        'ERR_MESH_REQUEST',
        `the option mesh has no meaning for ${url.host || url.protocol}, which is no service of this mesh`,
      );
    }
    // Where the mesh's fetch has taken the global one's place, that one would lead back here.
    const runtimeFetch = globalThis.fetch === fetch ? parts.runtimeFetch : globalThis.fetch;
    return runtimeFetch(input, init as RequestInit | undefined);
  }

  return fetch;
}

/** `mesh.service(name).fetch`: paths, and URLs of the service's own origin. */
export function serviceFetch(name: string, parts: FacadeParts): MeshFetch {
  const { reader } = parts;
  const base = reader.named(name);
  return (input, init) => {
    try {
      const request = isRequest(input) ? partsOfRequest(input, init) : init === undefined ? PLAIN_GET : requestParts(init);
      const text = typeof input === 'string' ? input : isRequest(input) ? input.url : String(input);
      const { path, url } = reader.readWithin(base, text);
      return send(parts, base, path, url, request, init);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** A call on its way: what its redirects need to know again. */
interface Journey {
  readonly parts: FacadeParts;
  readonly request: RequestParts;
  readonly mesh: CheckedCallOptions | undefined;
  readonly hops: number;
}

function send(
  parts: FacadeParts,
  target: Target,
  path: string,
  url: string,
  request: RequestParts,
  init: MeshRequestInit | undefined,
): Promise<Response> {
  const { signal } = request;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const service = parts.service(target.service);
  const mesh = init?.mesh === undefined ? undefined : callOptions(init.mesh, service);
  const { body, contentType } = extractBody(request.body, { duplex: request.duplex, bufferBody: mesh?.bufferBody ?? 0 });
  const headers = requestHeaders(request.headers, defaultHeaders(service, target, contentType));
  const { method } = request;
  const idempotent = mesh?.idempotent ?? (IDEMPOTENT.has(method) || (request.headers !== undefined && hasIdempotencyKey(headers)));
  const call = new Call({
    service: target.service,
    method,
    path,
    headers,
    body,
    idempotent,
    overrides: mesh?.overrides,
    pinned: mesh?.pinned,
  });
  return travel(call, service, url, { parts, request, mesh, hops: 0 });
}

/** Sends the call and makes a Response of its reply, or follows where the reply points. */
function travel(call: Call, service: Service, url: string, journey: Journey): Promise<Response> {
  const { signal } = journey.request;
  if (signal === undefined) {
    return service.begin(call).then(
      (reply) => {
        service.answered(call, reply);
        return arrive(reply, call, service, url, journey);
      },
      (error) => {
        throw service.failed(call, error);
      },
    );
  }
  const onAbort = () => call.cancel(signal.reason);
  const forget = () => signal.removeEventListener('abort', onAbort);
  signal.addEventListener('abort', onAbort);
  return service.begin(call).then(
    (reply) => {
      service.answered(call, reply);
      reply.onEnd(forget);
      return arrive(reply, call, service, url, journey);
    },
    (error) => {
      forget();
      throw service.failed(call, error);
    },
  );
}

function arrive(reply: Reply, call: Call, service: Service, url: string, journey: Journey): Response | Promise<Response> {
  const { status } = reply;
  if (status >= 300 && status < 400 && journey.request.redirect !== 'manual') {
    const hop = nextHop(reply, call, service, url, journey.request.redirect, journey.hops);
    if (hop !== undefined) return follow(hop, call, service, journey);
  }
  return new (meshResponseClass())(reply, url, journey.hops > 0, call.method);
}

function follow(hop: NonNullable<ReturnType<typeof nextHop>>, call: Call, service: Service, journey: Journey): Promise<Response> {
  const { parts, request, mesh } = journey;
  const { reader } = parts;
  const { signal } = request;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const destination =
    hop.within === undefined ? reader.readUrl(new URL(hop.url)) : { target: reader.named(service.name), path: hop.within, url: hop.url };
  if (destination.target === undefined) return leave(destination.url, hop, journey);
  const next = parts.service(destination.target.service);
  const headers = requestHeaders(hop.headers, defaultHeaders(next, destination.target, undefined));
  const { method, body } = hop;
  const pinned = next === service ? call.pinned : undefined;
  const overrides = next === service ? call.overrides : undefined;
  const following = new Call({
    service: next.name,
    method,
    path: destination.path,
    headers,
    body,
    idempotent: IDEMPOTENT.has(method) || call.idempotent,
    overrides,
    pinned,
  });
  return travel(following, next, destination.url, { parts, request, mesh, hops: journey.hops + 1 });
}

/** A redirect that leads out of the mesh goes the way of every other host. */
async function leave(url: URL, hop: NonNullable<ReturnType<typeof nextHop>>, { parts, request }: Journey): Promise<Response> {
  if (parts.unknownHosts === 'error') {
    throw new MeshError(
      'ERR_MESH_UNKNOWN_HOST',
      `redirected to ${url.host}, which is no service of this mesh, and unknownHosts is 'error'`,
    );
  }
  const response = await parts.runtimeFetch(url, {
    method: hop.method,
    headers: hop.headers,
    redirect: request.redirect,
    ...(hop.body === undefined ? {} : { body: hop.body.open() as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  Object.defineProperty(response, 'redirected', { value: true });
  return response;
}

/**
 * The headers that a request has unless its caller says otherwise. Those that Node's own `fetch` sends without
 * saying anything by it (accept: any, accept-language: any, sec-fetch-mode) are left out.
 */
function defaultHeaders(service: Service, target: Target, contentType: string | undefined): readonly string[] {
  const headers = service.settings.host === 'service' ? withHost(target) : COMMON_HEADERS;
  return contentType === undefined ? headers : [...headers, 'content-type', contentType];
}

const COMMON_HEADERS: readonly string[] = ['user-agent', 'fetchmesh', 'accept-encoding', 'gzip, deflate'];
const headersByTarget = new WeakMap<Target, readonly string[]>();

function withHost(target: Target): readonly string[] {
  let headers = headersByTarget.get(target);
  if (headers === undefined) {
    headers = ['host', target.host, ...COMMON_HEADERS];
    headersByTarget.set(target, headers);
  }
  return headers;
}

function hasIdempotencyKey(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === 'idempotency-key') return true;
  return false;
}
