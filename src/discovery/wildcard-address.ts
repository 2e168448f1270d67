import { networkInterfaces } from 'node:os';
import { originOf } from '../core/endpoint.js';

/**
 * The addresses that a server listens on and that nobody can call: 0.0.0.0 and :: mean every address of the machine,
 * and to a client of another machine its own. Which of the addresses is meant, only the user knows; the error names them.
 */

/** What it takes to write down an address. */
type Place = Parameters<typeof originOf>[0] & { readonly basePath: string };

/** More than this in one message is no help. */
const MOST_CANDIDATES = 8;

/** Whether a hostname, as `URL` writes it (without brackets), stands for every address of the machine. */
export function isWildcard(hostname: string): boolean {
  return hostname === '0.0.0.0' || hostname === '::' || hostname === '::ffff:0:0';
}

/**
 * The URLs under which a server that listens on a wildcard may be reached: one for each address of the machine that
 * others can see, or for its loopback address where it has no other.
 */
export function candidatesFor(place: Place): readonly string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((ofInterface) => ofInterface ?? [])
    .filter(({ internal, scopeid, address }) => !internal && !scopeid && !address.startsWith('169.254.'))
    .map(({ address }) => address);
  const hostnames = addresses.length > 0 ? addresses : ['127.0.0.1'];
  return hostnames.slice(0, MOST_CANDIDATES).map((hostname) => originOf({ ...place, hostname }) + place.basePath);
}

/** What a wildcard's error asks for. */
export function insteadOfWildcard(place: Place): string {
  return `the address where others reach the instance, not the wildcard that it listens on (this machine has ${candidatesFor(place).join(', ')})`;
}
