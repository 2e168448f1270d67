import { domainToASCII, domainToUnicode } from 'node:url';
import { MeshError } from './core/errors.js';
import type { MeshOptions } from './options.js';

/**
 * Which hosts are services, decided from configuration alone and at once. It must never depend on a lookup: a
 * registry that is down would otherwise send a service's requests out to whoever answers to its name in DNS.
 *
 * Names and hosts are not the same thing. A URL folds case, reads `42` as an address and refuses `users.1`,
 * so not every service has a host; those that have none are reached with `mesh.service(name)`, and their URLs
 * show a stand-in under `.mesh`.
 */

/** What a host must look like to be a service's: labels of letters, digits, `-` and `_`, the last not a number. */
const HOST = /^(?!.*\.\d+$)(?!\d+$)(?!0x[\da-f]*$)[a-z\d_](?:[a-z\d_-]*[a-z\d_])?(?:\.[a-z\d_](?:[a-z\d_-]*[a-z\d_])?)*$/;

const SUFFIX = '.mesh';
const LONGEST_NAME = 253;

/** Tells the service that a host (in lower case, as URL gives it) stands for, or undefined. */
export type HostToService = (hostname: string) => string | undefined;

/** Builds the rule from the mesh's options. */
export function hostToService({ services = {}, claims, discovery }: MeshOptions): HostToService {
  const declared = new Map(Object.keys(services).map((name) => [asHost(name), name]));
  const claimed = claimTest(claims);
  return (writtenHost) => {
    // A dot at the end says that DNS is to add no domain; it is the same host.
    const hostname = writtenHost.endsWith('.') ? writtenHost.slice(0, -1) : writtenHost;
    const name = declared.get(hostname);
    if (name !== undefined) return name;
    if (discovery.declares?.(hostname) === true || claimed(hostname)) return hostname;
    if (hostname.includes('xn--')) {
      const unicode = domainToUnicode(hostname);
      if (discovery.declares?.(unicode) === true) return unicode;
    }
    if (!HOST.test(hostname)) return undefined;
    if (hostname.endsWith(SUFFIX)) {
      const bare = hostname.slice(0, -SUFFIX.length);
      return declared.get(bare) ?? bare;
    }
    return hostname.includes('.') || hostname === 'localhost' ? undefined : hostname;
  };
}

function claimTest(claims: MeshOptions['claims']): (hostname: string) => boolean {
  if (claims === undefined) return () => false;
  if (typeof claims === 'function') return (hostname) => claims(hostname) === true;
  if (claims instanceof RegExp) {
    // Without the flags that make a pattern remember where it stopped.
    const pattern = new RegExp(claims.source, claims.flags.replace(/[gy]/g, ''));
    return (hostname) => pattern.test(hostname);
  }
  const hosts = new Set(claims.map(asHost));
  return (hostname) => hosts.has(hostname);
}

/**
 * A name as URL would show it as a host: in lower case and in ASCII (Punycode, RFC 3492). Numbers stay what they
 * are: the name 42 is not the host that `http://42/` leads to.
 */
function asHost(name: string): string {
  const isAscii = /^[ -~]*$/.test(name);
  return (isAscii ? '' : domainToASCII(name)) || name.toLowerCase();
}

/** The host that stands for a service in URLs and in the Host header: one that leads to it, wherever there is one. */
export function logicalHost(service: string, serviceOf: HostToService): string {
  const host = asHost(service);
  for (const candidate of [host, host + SUFFIX]) if (HOST.test(candidate) && serviceOf(candidate) === service) return candidate;
  return `x-${Buffer.from(service).toString('hex').slice(0, 48)}${SUFFIX}`;
}

function isForbidden(character: string): boolean {
  return character <= ' ' || character === '\u007f' || '/\\?#'.includes(character);
}

/** What a service's name must be. */
export const SERVICE_NAME = `a string of 1 to ${LONGEST_NAME} characters without spaces, slashes, ? and #`;

export function isServiceName(service: unknown): service is string {
  return typeof service === 'string' && service !== '' && service.length <= LONGEST_NAME && ![...service].some(isForbidden);
}

/** @throws MeshError for what cannot be a service's name. */
export function checkServiceName(service: unknown): string {
  if (isServiceName(service)) return service;
  throw new MeshError('ERR_MESH_REQUEST', `a service's name must be ${SERVICE_NAME}, got ${JSON.stringify(service)}`);
}
