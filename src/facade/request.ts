import { MeshError } from '../core/errors.js';
import type { MeshBody, MeshRequestInit } from './fetch-types.js';

/** A request as `fetch` was given it, read once. */
export interface RequestParts {
  readonly method: string;
  readonly headers: HeadersInit | undefined;
  readonly body: MeshBody | undefined;
  readonly duplex: unknown;
  readonly signal: AbortSignal | undefined;
  readonly redirect: 'follow' | 'manual' | 'error';
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
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** Reads `init` alone. @throws TypeError as `fetch` does. */
export function requestParts(init: MeshRequestInit): RequestParts {
  const method = init.method === undefined ? 'GET' : normalizeMethod(init.method);
  const body = init.body ?? undefined;
  checkBodyAllowed(method, body);
  refuseUnsupported(init);
  return {
    method,
    headers: init.headers,
    body,
    duplex: (init as { duplex?: unknown }).duplex,
    signal: signalOf(init),
    redirect: redirectOf(init.redirect),
  };
}

/**
 * Reads a Request, with `init` over it. Requests of another realm (undici's own class beside the built-in
 * one) are read by their shape. The body is the Request's stream, so it is sent once.
 */
export function partsOfRequest(request: Request, init: MeshRequestInit | undefined): RequestParts {
  const method = init?.method === undefined ? request.method : normalizeMethod(init.method);
  const ownBody = init?.body ?? undefined;
  if (ownBody === undefined && request.bodyUsed)
    throw new TypeError('Cannot construct a Request with a Request object that has already been used.');
  const body = ownBody ?? request.body ?? undefined;
  checkBodyAllowed(method, body);
  if (init !== undefined) refuseUnsupported(init);
  const duplex = ownBody === undefined ? 'half' : (init as { duplex?: unknown }).duplex;
  const signal = init?.signal === undefined ? request.signal : signalOf(init);
  return {
    method,
    headers: init?.headers ?? request.headers,
    body,
    duplex,
    signal,
    redirect: redirectOf(init?.redirect ?? request.redirect),
  };
}

/** Whether `input` is a Request, of this realm or of another. */
export function isRequest(input: unknown): input is Request {
  if (input instanceof Request) return true;
  return typeof input === 'object' && input !== null && 'url' in input && 'method' in input && 'headers' in input;
}

function normalizeMethod(method: string): string {
  const text = String(method);
  if (!TOKEN.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
  const normalized = NORMALIZED[text.toLowerCase()] ?? text;
  if (FORBIDDEN_METHODS.has(normalized.toUpperCase())) throw new TypeError(`'${text}' HTTP method is unsupported.`);
  return normalized;
}

function checkBodyAllowed(method: string, body: unknown): void {
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) throw new TypeError('Request with GET/HEAD method cannot have body.');
}

function signalOf(init: MeshRequestInit): AbortSignal | undefined {
  const { signal } = init;
  if (signal === undefined || signal === null) return undefined;
  if (typeof signal !== 'object' || typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError("Failed to construct 'Request': member signal is not of type AbortSignal.");
  }
  return signal;
}

function redirectOf(redirect: unknown): RequestParts['redirect'] {
  if (redirect === undefined) return 'follow';
  if (redirect === 'follow' || redirect === 'manual' || redirect === 'error') return redirect;
  throw new TypeError(`'${String(redirect)}' is not a valid redirect mode: follow, manual or error.`);
}

/** Options that change what an answer means must not be dropped in silence. */
function refuseUnsupported(init: MeshRequestInit): void {
  if (init.integrity !== undefined && init.integrity !== '') {
    throw new MeshError('ERR_MESH_REQUEST', 'the option integrity is not supported for services: verify the body yourself');
  }
}
