import type { Call } from '../core/call.js';
import { originOf } from '../core/endpoint.js';
import { MeshError } from '../core/errors.js';
import type { Reply } from '../core/reply.js';
import type { RequestBody } from '../core/request-body.js';
import type { Service } from '../service.js';
import { isDefaultHeader } from './default-headers.js';
import type { Leg } from './facade-parts.js';

/** Where a redirect leads, and what is sent there. */
export interface Hop {
  /** The URL, as the next response shows it. */
  readonly url: URL;
  /** The path, where the redirect stays within its service. */
  readonly within: string | undefined;
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: RequestBody | undefined;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** As many as the Fetch standard allows ("HTTP-redirect fetch", step 7). */
const MAX_HOPS = 20;

/** Headers that must not follow to another origin (Fetch standard, step 13; cookies as browsers keep them). */
const PRIVATE_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie']);
/** Headers of a body that is not sent again (Fetch standard, "request-body-header name"). */
const BODY_HEADERS = new Set(['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']);

/**
 * Reads a redirect as the Fetch standard has it, and discards the answer that carried it. Undefined for an
 * answer that is no redirect after all.
 *
 * A server behind a mesh knows itself by its own address and its own paths. To follow that to the letter would
 * leave the mesh, or ask for the base path twice, so both are translated back to what they stand for.
 *
 * @throws MeshError ERR_MESH_REDIRECT for one that must not or cannot be followed.
 */
export function nextHop(reply: Reply, call: Call, leg: Leg): Hop | undefined {
  const { service, url: from, hops, request } = leg;
  const { status } = reply;
  if (!REDIRECTS.has(status)) return undefined;
  const location = reply.header('location');
  if (location === undefined && request.redirect !== 'error') return undefined;
  reply.discard();
  const refuse = (why: string): MeshError => new MeshError('ERR_MESH_REDIRECT', `${why} (from ${from})`, { service: service.name });
  if (location === undefined || request.redirect === 'error') {
    throw refuse(`answered with a redirect (${status}), which the option redirect forbids`);
  }
  const url = parseLocation(location, from);
  if (url === undefined) throw refuse(`redirects to ${JSON.stringify(location)}, which is no URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse(`redirects to ${url.protocol}, which is neither http: nor https:`);
  if (hops >= MAX_HOPS) throw refuse(`redirects more than ${MAX_HOPS} times`);
  const toGet = status === 303 ? call.method !== 'GET' && call.method !== 'HEAD' : status < 303 && call.method === 'POST';
  if (status !== 303 && call.body?.replayable === false)
    throw refuse('redirects a request whose body was a stream and cannot be sent again');
  // What was not sent of it will not be asked for any more.
  if (toGet) call.body?.discard();
  const staying = stayingWithin(url, call, leg);
  return {
    url: staying ?? url,
    within: staying === undefined ? undefined : staying.pathname + staying.search,
    method: toGet ? 'GET' : call.method,
    headers: headersOfHop(leg.headers, staying === undefined, toGet),
    body: toGet ? undefined : call.body,
  };
}

/**
 * The URL within the same service that a redirect stands for, if it stays there: at the service's own host,
 * whatever its scheme (that of a service says nothing, its endpoints' does), or at one of its endpoints.
 */
function stayingWithin(url: URL, call: Call, { service, target }: Leg): URL | undefined {
  if (url.host === target.host) {
    const path = withoutBase(url.pathname, call.endpoint?.instance.basePath ?? '');
    return path === undefined ? url : withPath(url.origin, path, url);
  }
  const path = pathAtEndpoint(url, service);
  return path === undefined ? undefined : withPath(target.origin, path, url);
}

/** The path within the service that an address of one of its endpoints stands for. */
function pathAtEndpoint(url: URL, service: Service): string | undefined {
  const protocol = url.protocol as 'http:' | 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const origin = originOf({ protocol, hostname, port: url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port) });
  for (const { origin: own, instance } of service.endpoints.view) {
    const path = own === origin ? withoutBase(url.pathname, instance.basePath) : undefined;
    if (path !== undefined) return path;
  }
  return undefined;
}

/** What follows the base path; undefined for a path outside it. */
function withoutBase(path: string, basePath: string): string | undefined {
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : undefined;
}

/** The parts are put together by URL's own setters: a path that begins with two slashes must not become a host. */
function withPath(origin: string, path: string, { search }: URL): URL {
  const url = new URL(origin);
  url.pathname = path;
  url.search = search;
  return url;
}

function headersOfHop(headers: readonly string[], leaves: boolean, withoutBody: boolean): [string, string][] {
  const kept: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const lowerCased = name.toLowerCase();
    if (lowerCased === 'host' || isDefaultHeader(lowerCased, value)) continue;
    if ((leaves && PRIVATE_HEADERS.has(lowerCased)) || (withoutBody && BODY_HEADERS.has(lowerCased))) continue;
    kept.push([name, value]);
  }
  return kept;
}

function parseLocation(location: string, base: string): URL | undefined {
  try {
    // Header bytes are read as Latin-1; servers write URLs in UTF-8.
    const url = new URL(Buffer.from(location, 'latin1').toString('utf8'), base);
    url.hash = '';
    return url;
  } catch {
    return undefined;
  }
}
