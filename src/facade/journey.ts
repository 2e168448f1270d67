import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events';
import { Call } from '../core/call.js';
import { MeshError, TimeoutError } from '../core/errors.js';
import type { Reply } from '../core/reply.js';
import type { RequestBody } from '../core/request-body.js';
import { callOptions, optionsOfHop } from './call-options.js';
import { defaultHeaders } from './default-headers.js';
import { headerTraits, withDerivedHeaders } from './derived-headers.js';
import type { FacadeParts, Leg } from './facade-parts.js';
import type { CallOptions } from './fetch-types.js';
import { requestHeaders } from './headers.js';
import { IDEMPOTENT_METHODS } from './idempotent-methods.js';
import { type Hop, nextHop } from './redirect.js';
import type { RequestParts } from './request.js';
import { type ExtractedBody, type ExtractOptions, extractBody } from './request-body.js';
import { meshResponseClass } from './response.js';
import type { Target } from './target.js';

/**
 * What lies between a request as `fetch` was given it and the Response: the call that goes down the stack, the
 * caller's signal, and redirects, each of which is one more call.
 */

/** Sends a request to a service. @throws MeshError for one that cannot be sent. */
export function send(
  parts: FacadeParts,
  target: Target,
  path: string,
  url: string,
  request: RequestParts,
  options: CallOptions | undefined,
): Promise<Response> {
  const { signal, method, duplex } = request;
  if (signal?.aborted === true) {
    // The built-in fetch cancels the stream of a request that it does not send, too.
    extract(request.body, { duplex }, target.service).body?.discard(signal.reason);
    return Promise.reject(signal.reason);
  }
  const service = parts.service(target.service);
  const mesh = options === undefined ? undefined : callOptions(options, service);
  const { body, contentType } = extract(request.body, { duplex, bufferBody: mesh?.bufferBody ?? 0 }, target.service);
  let headers: readonly string[];
  let idempotent = IDEMPOTENT_METHODS.has(method);
  if (request.headers === undefined && request.cache === 'default') {
    headers = defaultHeaders(service, target, contentType);
  } else {
    const own = ownHeaders(request, defaultHeaders(service, target, contentType), body, target.service);
    const traits = headerTraits(own);
    headers = withDerivedHeaders(own, traits, request.cache);
    idempotent ||= traits.idempotencyKey;
  }
  const call = new Call({
    service: target.service,
    method,
    path,
    headers,
    body,
    idempotent: mesh?.idempotent ?? idempotent,
    overrides: mesh?.overrides,
    pinned: mesh?.pinned,
  });
  return travel(call, { parts, request, options, service, target, url, headers, hops: 0 });
}

/** Sends the call and makes a Response of its reply, or follows where the reply points. */
function travel(call: Call, leg: Leg): Promise<Response> {
  const { service } = leg;
  const { signal } = leg.request;
  if (signal === undefined) {
    return service.begin(call).then(
      (reply) => {
        service.answered(call, reply);
        return arrive(reply, call, leg);
      },
      (error) => {
        throw service.failed(call, error);
      },
    );
  }
  const onAbort = () => call.cancel(signal.reason);
  const forget = () => signal.removeEventListener('abort', onAbort);
  allowManyListeners(signal);
  signal.addEventListener('abort', onAbort);
  return service.begin(call).then(
    (reply) => {
      service.answered(call, reply);
      // From the end of the body on the signal is not listened to, but looked at by whoever reads it then.
      reply.owner = signal;
      reply.onEnd(forget);
      return arrive(reply, call, leg);
    },
    (error) => {
      forget();
      throw service.failed(call, error);
    },
  );
}

/**
 * One signal may well end a thousand calls at once, and each has its listener. Node takes more than ten for a leak
 * and prints a warning; as in its own fetch, a limit that nobody has changed is raised.
 */
function allowManyListeners(signal: AbortSignal): void {
  if (getMaxListeners(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(MANY_LISTENERS, signal);
}

const MANY_LISTENERS = 1_500;

function arrive(reply: Reply, call: Call, leg: Leg): Response | Promise<Response> {
  const { status } = reply;
  if (status >= 300 && status < 400 && leg.request.redirect !== 'manual') {
    const hop = nextHop(reply, call, leg);
    if (hop !== undefined) return follow(hop, call, leg);
  }
  return new (meshResponseClass())(reply, leg.url, leg.hops > 0, call.method);
}

function follow(hop: Hop, call: Call, leg: Leg): Promise<Response> {
  const { parts, request } = leg;
  const { signal } = request;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const destination =
    hop.within === undefined ? parts.reader.readUrl(hop.url) : { target: leg.target, path: hop.within, url: hop.url.href };
  if (destination.target === undefined) return leave(hop, request, parts);
  const service = hop.within === undefined ? parts.service(destination.target.service) : leg.service;
  const mesh = callOptions(optionsOfHop(leg.options, service, service === leg.service, timeLeft(call, leg)), service);
  const headers = requestHeaders(hop.headers, defaultHeaders(service, destination.target, undefined));
  const following = new Call({
    service: service.name,
    method: hop.method,
    path: destination.path,
    headers,
    body: hop.body,
    idempotent: IDEMPOTENT_METHODS.has(hop.method) || call.idempotent,
    overrides: mesh.overrides,
    pinned: mesh.pinned,
  });
  return travel(following, { ...leg, service, target: destination.target, url: destination.url, headers, hops: leg.hops + 1 });
}

/** A redirect that leads out of the mesh goes the way of every other host. */
async function leave({ url, method, headers, body }: Hop, { redirect, signal }: RequestParts, parts: FacadeParts): Promise<Response> {
  const response = await parts.passthrough.send(url, url, {
    method,
    headers,
    redirect,
    ...(body === undefined ? {} : { body: body.open() as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
    ...(signal === undefined ? {} : { signal }),
  });
  Object.defineProperty(response, 'redirected', { value: true });
  return response;
}

/**
 * What is left of the call's time for the next hop: the time of a call is the time of all its hops. Infinity
 * where nothing bounds it but a deadline, which is a point in time and needs no sum.
 */
function timeLeft(call: Call, { parts, options, url }: Leg): number {
  const { clock } = parts;
  const leftMs = call.deadlineMs - clock.now();
  if (leftMs <= 0) {
    throw new TimeoutError('ERR_MESH_TIMEOUT', `the call's time was over when it was redirected (from ${url})`, { service: call.service });
  }
  if (options?.deadlineMs !== undefined && leftMs >= options.deadlineMs - clock.wallTime() - 1) return Number.POSITIVE_INFINITY;
  return leftMs;
}

function extract(given: RequestParts['body'], options: ExtractOptions, service: string): ExtractedBody {
  try {
    return extractBody(given, options);
  } catch (error) {
    // What a function of the caller's threw is for the caller, as it is.
    throw typeof given === 'function' ? error : refused(error, service);
  }
}

function ownHeaders(request: RequestParts, defaults: readonly string[], body: RequestBody | undefined, service: string): readonly string[] {
  try {
    return requestHeaders(request.headers, defaults);
  } catch (error) {
    body?.discard(error);
    throw refused(error, service);
  }
}

/** The error of a request that is wrong: a TypeError, as `fetch` would throw, with a code to tell it by. */
function refused(error: unknown, service: string): unknown {
  if (!(error instanceof TypeError) || error instanceof MeshError) return error;
  return new MeshError('ERR_MESH_REQUEST', error.message, { service, cause: error });
}
