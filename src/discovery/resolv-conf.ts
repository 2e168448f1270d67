import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { SearchRules } from './search-domains.js';

/** What a resolv.conf says, as far as it concerns us. */
export interface ResolvConf extends SearchRules {
  /** Addresses of DNS servers; none where the file names none. */
  readonly servers: readonly string[];
}

/** The default of resolv.conf(5), and what it cuts a larger one to. */
export const DEFAULT_NDOTS = 1;
export const MOST_NDOTS = 15;

/** Reads the text of a resolv.conf(5). What cannot be understood is passed over, as every resolver does. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let ndots = DEFAULT_NDOTS;
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line)) continue;
    const [keyword, ...words] = line.trim().split(/\s+/);
    // An address may name the interface that it is reached by: fe80::1%eth0.
    if (keyword === 'nameserver' && words[0] !== undefined && isIP(words[0]) !== 0) servers.push(words[0]);
    // Of several lines the last one counts, whichever of the two it is.
    if (keyword === 'search') search = words.map(bareDomain).filter(isDomain);
    if (keyword === 'domain') search = words.slice(0, 1).map(bareDomain).filter(isDomain);
    if (keyword === 'options') for (const word of words) ndots = ndotsOf(word) ?? ndots;
  }
  return { servers, search, ndots };
}

function ndotsOf(word: string): number | undefined {
  const [, digits] = /^ndots:(\d+)$/.exec(word) ?? [];
  return digits === undefined ? undefined : Math.min(Number(digits), MOST_NDOTS);
}

function bareDomain(domain: string): string {
  return domain.replace(/^\.+|\.+$/g, '');
}

function isDomain(domain: string): boolean {
  return /^[^\s:/[\]]{1,253}$/.test(domain);
}

/**
 * A resolv.conf that may change: it is read anew for every lookup, which costs less than one question. Should it be
 * missing for a moment, because somebody replaces it, the last one counts.
 */
export class ResolvConfFile {
  private last: ResolvConf | undefined = undefined;

  constructor(private readonly path: string) {}

  /** Rejects where the file could never be read. */
  async read(): Promise<ResolvConf> {
    try {
      this.last = parseResolvConf(await readFile(this.path, 'utf8'));
    } catch (cause) {
      if (this.last !== undefined) return this.last;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`dnsDiscovery.resolvConf: ${this.path} cannot be read (${reason})`, { cause });
    }
    return this.last;
  }
}
