import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { serializePathWithQuery } from 'undici/lib/core/util.js';
import { MeshError } from '../core/errors.js';
import type { Service } from '../service.js';
import { isFormData, isSearchParams } from './body-shapes.js';
import { callOptions } from './call-options.js';
import { type ExtractedBody, extractBody } from './request-body.js';

/** The options of a request as a dispatcher gets them, read as undici reads them. */

export type DispatchOptions = Dispatcher.DispatchOptions;

/** The URL of a request. Its `origin` decides where it goes, whatever its path looks like. */
export function urlOf({ origin, path, query }: DispatchOptions): string {
  const fullPath = query === undefined || query === null ? path : serializePathWithQuery(path, query);
  if (origin === undefined || origin === null) return fullPath;
  const base = typeof origin === 'string' ? origin : origin.origin;
  const root = base.endsWith('/') ? base.slice(0, -1) : base;
  return fullPath.startsWith('/') ? root + fullPath : `${root}/${fullPath}`;
}

/** Headers in any of the forms that undici takes, as names and values in turn. A name that has several values stands there as often. */
export function flatHeaders(headers: DispatchOptions['headers']): string[] {
  const flat: string[] = [];
  const add = (name: string, value: unknown) => {
    if (Array.isArray(value)) for (const each of value) flat.push(name, String(each));
    else if (value !== undefined) flat.push(name, value === null ? '' : String(value));
  };
  if (headers === undefined || headers === null) return flat;
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    if (headers.length % 2 !== 0) throw new MeshError('ERR_MESH_REQUEST', 'a list of headers must have a value for each name');
    for (let i = 0; i < headers.length; i += 2) add(String(headers[i]), headers[i + 1]);
  } else if (Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<readonly [string, unknown]>) add(name, value);
  } else {
    for (const [name, value] of Object.entries(headers)) add(name, value);
  }
  return flat;
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return true;
  return false;
}

/** The body, and the type that undici would give it: text and bytes have none of their own here. */
export function dispatchBody(body: unknown, bufferBody: number): ExtractedBody {
  const extracted = extractBody(asStream(body) as Parameters<typeof extractBody>[0], { duplex: 'half', bufferBody });
  return typeof body === 'string' ? { body: extracted.body, contentType: undefined } : extracted;
}

/** undici sends the items of any iterable one by one; for `fetch` such a thing is no body. */
function asStream(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !(Symbol.iterator in body) || Symbol.asyncIterator in body) return body;
  if (ArrayBuffer.isView(body) || isFormData(body) || isSearchParams(body)) return body;
  return Readable.from(body as Iterable<unknown>);
}

/** undici's own times for one request, as this mesh calls them; 0 is none in undici. */
export function timesOf(options: DispatchOptions, service: Service): Readonly<Record<string, unknown>> | undefined {
  const { headersTimeout, bodyTimeout } = options;
  if ((headersTimeout ?? undefined) === undefined && (bodyTimeout ?? undefined) === undefined) return undefined;
  if (service.policiesNamed('timeout').length === 0) {
    const why = 'headersTimeout and bodyTimeout need a timeout in the stack of the service';
    throw new MeshError('ERR_MESH_REQUEST', why, { service: service.name });
  }
  const given = { attemptTimeoutMs: asTime(headersTimeout), bodyIdleTimeoutMs: asTime(bodyTimeout) };
  return callOptions(given, service).overrides;
}

function asTime(timeout: number | null | undefined): number | undefined {
  if (timeout === undefined || timeout === null) return undefined;
  return timeout === 0 ? Number.POSITIVE_INFINITY : timeout;
}
