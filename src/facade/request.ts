import { MeshError, show } from '../core/errors.js';
import { isToken } from '../core/http-token.js';
import { checkFetchOptions, refuseIntegrity } from './fetch-options.js';
import type { MeshBody, MeshRequestInit } from './fetch-types.js';

/** A request as `fetch` was given it, read once. */
export interface RequestParts {
  readonly method: string;
  readonly headers: HeadersInit | undefined;
  readonly body: MeshBody | undefined;
  readonly duplex: unknown;
  readonly signal: AbortSignal | undefined;
  readonly redirect: 'follow' | 'manual' | 'error';
  readonly cache: string;
}

type HeadersInit = NonNullable<RequestInit['headers']>;

/** What `fetch` sends when it is given nothing but a URL. */
export const PLAIN_GET: RequestParts = {
  method: 'GET',
  headers: undefined,
  body: undefined,
  duplex: undefined,
  signal: undefined,
  redirect: 'follow',
  cache: 'default',
};

/** Methods that are recognised in any case (Fetch standard, "normalize a method"); PATCH is not among them. */
const NORMALIZED: Readonly<Record<string, string>> = {
  get: 'GET',
  head: 'HEAD',
  post: 'POST',
  put: 'PUT',
  delete: 'DELETE',
  options: 'OPTIONS',
};
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Reads `init` alone. @throws MeshError ERR_MESH_REQUEST where `fetch` throws a TypeError. */
export function requestParts(init: MeshRequestInit): RequestParts {
  if (typeof init !== 'object' && typeof init !== 'function')
    throw bad(`the second argument must be an object of options, got ${show(init)}`);
  checkFetchOptions(init);
  const method = init.method === undefined ? 'GET' : normalizeMethod(init.method);
  const body = init.body ?? undefined;
  checkBodyAllowed(method, body);
  return {
    method,
    headers: init.headers,
    body,
    duplex: (init as { duplex?: unknown }).duplex,
    signal: signalOf(init),
    redirect: redirectOf(init.redirect),
    cache: cacheOf(init) ?? 'default',
  };
}

/**
 * Reads a Request, with `init` over it. Requests of another realm (undici's own class beside the built-in
 * one) are read by their shape. The body is the Request's stream: see ready-body.ts for what becomes of it.
 */
export function partsOfRequest(request: Request, init: MeshRequestInit | undefined): RequestParts {
  if (init !== undefined) checkFetchOptions(init);
  if (init?.integrity === undefined) refuseIntegrity(request.integrity);
  const method = init?.method === undefined ? request.method : normalizeMethod(init.method);
  const ownBody = init?.body ?? undefined;
  if (ownBody === undefined && request.bodyUsed) throw bad('Cannot construct a Request with a Request object that has already been used.');
  const body = ownBody ?? request.body ?? undefined;
  checkBodyAllowed(method, body);
  const duplex = ownBody === undefined ? 'half' : (init as { duplex?: unknown }).duplex;
  const signal = init?.signal === undefined ? request.signal : signalOf(init);
  return {
    method,
    headers: init?.headers ?? request.headers,
    body,
    duplex,
    signal,
    redirect: redirectOf(init?.redirect ?? request.redirect),
    cache: (init && cacheOf(init)) ?? cacheOf(request) ?? 'default',
  };
}

/**
 * Whether `input` is a Request, of this realm or of another. By its tag and not by its fields: a message that
 * a Node server received has a URL, a method and headers, too, and its body would be lost.
 */
export function isRequest(input: unknown): input is Request {
  if (input instanceof Request) return true;
  return typeof input === 'object' && input !== null && Object.prototype.toString.call(input) === '[object Request]' && 'url' in input;
}

function normalizeMethod(method: string): string {
  const text = String(method);
  if (!isToken(text)) throw bad(`'${text}' is not a valid HTTP method.`);
  const normalized = NORMALIZED[text.toLowerCase()] ?? text;
  if (FORBIDDEN_METHODS.has(normalized.toUpperCase())) throw bad(`'${text}' HTTP method is unsupported.`);
  return normalized;
}

function checkBodyAllowed(method: string, body: unknown): void {
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) throw bad('Request with GET/HEAD method cannot have body.');
}

function signalOf(init: MeshRequestInit): AbortSignal | undefined {
  const { signal } = init;
  if (signal === undefined || signal === null) return undefined;
  if (typeof signal !== 'object' || typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw bad("Failed to construct 'Request': member signal is not of type AbortSignal.");
  }
  return signal;
}

/** The cache mode. The types of Node 20 do not know it yet. */
function cacheOf(given: MeshRequestInit | Request): string | undefined {
  return (given as { readonly cache?: string }).cache;
}

function redirectOf(redirect: unknown): RequestParts['redirect'] {
  if (redirect === undefined) return 'follow';
  if (redirect === 'follow' || redirect === 'manual' || redirect === 'error') return redirect;
  throw bad(`'${String(redirect)}' is not a valid redirect mode: follow, manual or error.`);
}

function bad(message: string): MeshError {
  return new MeshError('ERR_MESH_REQUEST', message);
}
