import { ConfigError } from '../core/errors.js';
import type { Random } from '../core/random.js';

/**
 * The servers of one registry, of which one is used until it fails. The first is chosen by chance, so that a fleet
 * spreads over them.
 */
export class ServerList {
  private index: number;

  constructor(
    private readonly servers: readonly string[],
    random: Random,
  ) {
    this.index = Math.floor(random.next() * servers.length);
  }

  get size(): number {
    return this.servers.length;
  }

  /** The server to ask. */
  get current(): string {
    return this.servers[this.index] as string;
  }

  /** Moves on from a server that failed, unless somebody else did so already. */
  failed(server: string): void {
    if (this.current === server) this.index = (this.index + 1) % this.servers.length;
  }
}

/** Checks the addresses of a registry's HTTP servers. @throws ConfigError for anything but a list of http(s) URLs. */
export function httpServers(path: string, given: unknown): readonly string[] {
  const expected = "a URL such as 'http://127.0.0.1:8500', or a list of them";
  const servers = typeof given === 'string' ? [given] : given;
  if (!Array.isArray(servers) || servers.length === 0) throw new ConfigError(path, expected, shown(given));
  for (const server of servers) {
    const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
    if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '' || url.hash !== '') {
      throw new ConfigError(path, expected, shown(server));
    }
  }
  return [...servers];
}

/** A URL object is refused like any other, and holds its password as readably. */
function shown(given: unknown): unknown {
  return typeof given === 'string' || given instanceof URL ? bareAddress(String(given)) : given;
}

/** An address that is refused, as errors may show it: what stands before an @ or after a ? may be secret. */
export function bareAddress(address: string): string {
  return address.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1').replace(/\?.+$/s, '?...');
}
