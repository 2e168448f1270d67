import type { Call } from '../core/call.js';
import { originOf } from '../core/endpoint.js';
import { MeshError } from '../core/errors.js';
import type { Reply } from '../core/reply.js';
import type { RequestBody } from '../core/request-body.js';
import type { Service } from '../service.js';

/** Where a redirect leads, and what is sent there. */
export interface Hop {
  /** The URL, as the next response shows it. */
  readonly url: string;
  /** The path within the same service, where the redirect names an address of one of its own endpoints. */
  readonly within: string | undefined;
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: RequestBody | undefined;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** As many as the Fetch standard allows ("HTTP-redirect fetch", step 7). */
const MAX_HOPS = 20;

/** Headers that must not follow to another origin (Fetch standard, step 13; cookies as browsers keep them). */
const PRIVATE_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie', 'host']);
/** Headers of a body that is not sent again (Fetch standard, "request-body-header name"). */
const BODY_HEADERS = new Set(['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']);

/**
 * Reads a redirect as the Fetch standard has it, and discards the answer that carried it. Undefined for an
 * answer that is no redirect after all.
 *
 * A server behind a mesh often redirects to its own address, the only name it has for itself. Following that
 * to the letter would leave the mesh with the next request, so an address of one of the service's endpoints
 * stands for the service.
 *
 * @throws MeshError ERR_MESH_REDIRECT for one that must not or cannot be followed.
 */
export function nextHop(reply: Reply, call: Call, service: Service, from: string, mode: 'follow' | 'error', hops: number): Hop | undefined {
  if (!REDIRECTS.has(reply.status)) return undefined;
  const location = reply.header('location');
  if (location === undefined && mode === 'follow') return undefined;
  reply.discard();
  const refuse = (why: string): MeshError => new MeshError('ERR_MESH_REDIRECT', `${why} (from ${from})`, { service: service.name });
  if (location === undefined || mode === 'error')
    throw refuse(`answered with a redirect (${reply.status}), which the option redirect forbids`);
  const url = parseLocation(location, from);
  if (url === undefined) throw refuse(`redirects to ${JSON.stringify(location)}, which is no URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse(`redirects to ${url.protocol}, which is neither http: nor https:`);
  if (hops >= MAX_HOPS) throw refuse(`redirects more than ${MAX_HOPS} times`);
  const { status } = reply;
  const dropsBody =
    (status === 303 && call.method !== 'GET' && call.method !== 'HEAD') || ((status === 301 || status === 302) && call.method === 'POST');
  const body = dropsBody ? undefined : call.body;
  if (body !== undefined && !body.replayable) throw refuse('redirects a request whose body was a stream and cannot be sent again');
  const within = ownPath(url, service);
  // The scheme in a service's URL says nothing, its endpoints' does: the same host is the same service.
  const leaves = within === undefined && url.host !== new URL(from).host;
  const headers: [string, string][] = [];
  for (let i = 0; i < call.headers.length; i += 2) {
    const name = call.headers[i] as string;
    const lowerCased = name.toLowerCase();
    if (lowerCased === 'host' || (leaves && PRIVATE_HEADERS.has(lowerCased)) || (dropsBody && BODY_HEADERS.has(lowerCased))) continue;
    headers.push([name, call.headers[i + 1] as string]);
  }
  const shown = within === undefined ? url.href : new URL(within, from).href;
  return { url: shown, within, method: dropsBody ? 'GET' : call.method, headers, body };
}

/** The path within the service that an address of one of its endpoints stands for. */
function ownPath(url: URL, service: Service): string | undefined {
  const protocol = url.protocol as 'http:' | 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const origin = originOf({ protocol, hostname, port: url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port) });
  for (const { origin: own, instance } of service.endpoints.view) {
    if (own !== origin || !url.pathname.startsWith(instance.basePath)) continue;
    const path = url.pathname.slice(instance.basePath.length);
    return (path.startsWith('/') ? path : `/${path}`) + url.search;
  }
  return undefined;
}

function parseLocation(location: string, base: string): URL | undefined {
  try {
    // Header bytes are read as Latin-1; servers write URLs in UTF-8.
    return new URL(Buffer.from(location, 'latin1').toString('utf8'), base);
  } catch {
    return undefined;
  }
}
