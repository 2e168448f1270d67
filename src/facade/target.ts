import { LRUCache } from 'lru-cache';
import { MeshError } from '../core/errors.js';
import { type HostToService, logicalHost } from '../service-names.js';

/** The service that a URL leads to. */
export interface Target {
  readonly service: string;
  /** Scheme, host and port as the URL has them: what `response.url` begins with. */
  readonly origin: string;
  /** Host and port, for the Host header. */
  readonly host: string;
}

/** Where a request goes: into the mesh, or not. */
export type Destination = ServiceDestination | { readonly target?: undefined; readonly url: URL };

/** A place within the mesh: `url` is what `response.url` shows. */
export interface ServiceDestination {
  readonly target: Target;
  readonly path: string;
  readonly url: string;
}

/** Paths that URL would leave as they are. Anything else takes the long way through URL. */
const PLAIN_PATH = /^\/[\w\-~!$&()*+,;=:@/?.%]*$/;

/** Origins remembered. Hosts can come from anywhere, so the table is bounded. */
const MAX_ORIGINS = 1_000;

/**
 * Reads URLs. Making a URL object costs as much as the rest of a call's way through the stack, so an origin
 * that was read once is recognised by its text, and a path of plain characters is taken as it stands.
 */
export class TargetReader {
  private readonly origins = new LRUCache<string, Target>({ max: MAX_ORIGINS });

  private latest: Target | undefined = undefined;

  constructor(private readonly serviceOf: HostToService) {}

  /** @throws TypeError for what is no URL, or has a user name in it: as `fetch` does. */
  read(input: string): Destination {
    const pathStart = input.indexOf('/', 8);
    if (pathStart > 0) {
      const target = this.targetOf(input, pathStart);
      if (target !== undefined) {
        const path = input.slice(pathStart);
        if (isPlain(path)) return { target, path, url: input };
      }
    }
    return this.readUrl(parse(input), pathStart > 0 ? input.slice(0, pathStart) : undefined);
  }

  /** The target of an origin that was read before. Calls to one service mostly come one after the other. */
  private targetOf(input: string, length: number): Target | undefined {
    const { latest } = this;
    if (latest !== undefined && latest.origin.length === length && input.startsWith(latest.origin)) return latest;
    const target = this.origins.get(input.slice(0, length));
    if (target !== undefined) this.latest = target;
    return target;
  }

  /** The same for a URL object; `text` is the origin as it was written. */
  readUrl(url: URL, text?: string): Destination {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return { url };
    const service = this.serviceOf(url.hostname);
    if (service === undefined) return { url };
    if (url.username !== '' || url.password !== '') {
      throw new MeshError('ERR_MESH_REQUEST', 'a URL must not contain a user name or a password', { service });
    }
    const target: Target = { service, origin: url.origin, host: url.host };
    if (text === url.origin) this.origins.set(text, target);
    url.hash = '';
    return { target, path: pathOf(url), url: url.href };
  }

  /** Within a service: a path, or a URL of that service's origin. */
  readWithin(base: Target, input: string): ServiceDestination {
    if (isPlain(input) && !input.startsWith('//')) return { target: base, path: input, url: base.origin + input };
    const url = parse(input, base.origin);
    if (url.origin !== base.origin) {
      throw new MeshError('ERR_MESH_REQUEST', `a request within the service must stay at ${base.origin}, got ${url.origin}`, {
        service: base.service,
      });
    }
    if (url.username !== '' || url.password !== '') {
      throw new MeshError('ERR_MESH_REQUEST', 'a URL must not contain a user name or a password', { service: base.service });
    }
    url.hash = '';
    return { target: base, path: pathOf(url), url: url.href };
  }

  /** The target of a service by name. */
  named(service: string): Target {
    const host = logicalHost(service, this.serviceOf);
    return { service, origin: `http://${host}`, host };
  }
}

/** Path and query. Not from `search`, which does not tell an empty query from none. */
function pathOf({ href, origin }: URL): string {
  return href.slice(origin.length);
}

function isPlain(path: string): boolean {
  // Segments of dots are resolved by URL, also where the dots are escaped.
  return PLAIN_PATH.test(path) && !path.includes('/.') && !path.includes('%2e') && !path.includes('%2E');
}

function parse(input: string, base?: string): URL {
  try {
    return new URL(input, base);
  } catch (error) {
    throw new MeshError('ERR_MESH_REQUEST', `cannot read the URL ${JSON.stringify(input)}`, { cause: error });
  }
}
