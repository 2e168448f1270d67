import { Resolver } from 'node:dns/promises';
import { resolve } from 'node:path';
import type { Discovery } from '../core/discovery.js';
import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys, wholeNumberIn } from '../core/options-check.js';
import { type DnsAccess, dnsLookup } from './dns-lookup.js';
import {
  checkedName,
  complete,
  type DnsDefaults,
  type DnsName,
  type DnsRecordType,
  type DnsServiceOptions,
  dnsName,
  portIn,
  recordType,
  schemeIn,
} from './dns-names.js';
import { Poller } from './poller.js';
import { type PollingTimes, pollingSettings } from './polling.js';
import { DEFAULT_NDOTS, MOST_NDOTS, ResolvConfFile } from './resolv-conf.js';

/** Where and how DNS is asked. All times in milliseconds, above 0. */
export interface DnsDiscoveryOptions {
  /** DNS servers to ask, each an address with or without a port. Default: those of the system. */
  readonly servers?: readonly string[] | undefined;
  /** Services and the names that they have in DNS; these are services by declaration. Default: none. */
  readonly services?: Readonly<Record<string, string | DnsServiceOptions>> | undefined;
  /** Where the names of all other services end: `internal` makes `users.internal` of `users`. Default: nothing. */
  readonly domain?: string | undefined;
  /**
   * Domains in which short names are searched for, in order: the first that has the name counts. Default: those of
   * `resolvConf`, else none.
   */
  readonly search?: readonly string[] | undefined;
  /**
   * A name with fewer dots than this is tried in the search domains before it is tried as it is, others after. A whole
   * number, 0 to 15; default that of `resolvConf`, else 1. Ignored without search domains.
   */
  readonly ndots?: number | undefined;
  /**
   * A resolv.conf(5) whose `nameserver`, `search` and `options ndots:` count where the options say nothing else, read
   * anew for every lookup: true for `/etc/resolv.conf`, or a path. Default false.
   */
  readonly resolvConf?: boolean | string | undefined;
  /** The port of instances found by their address. 1 to 65,535; default 80, or 443 for https. */
  readonly port?: number | undefined;
  /** 'address' takes A and AAAA records, 'srv' takes SRV records with ports, priorities and weights. Default 'address'. */
  readonly type?: DnsRecordType | undefined;
  /** What the instances speak. Default 'http'. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** A record's TTL that is shorter is raised to this. Default 1,000. */
  readonly minTtlMs?: number | undefined;
  /** A record's TTL that is longer is cut to this. Default 60,000. */
  readonly maxTtlMs?: number | undefined;
  /** The first wait after a failure or for a name that does not exist; it doubles up to 30 s. Default 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** How long the first try of a question may take; each further one takes longer. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  /** How often a question is asked before it has failed. A whole number, 1 to 5; default 2. */
  readonly tries?: number | undefined;
}

const PATH = 'dnsDiscovery';
const KEYS = [
  'servers',
  'services',
  'domain',
  'search',
  'ndots',
  'resolvConf',
  'port',
  'type',
  'scheme',
  'minTtlMs',
  'maxTtlMs',
  'negativeTtlMs',
  'timeoutMs',
  'tries',
];
const LONGEST_RETRY_MS = 30_000;

/**
 * A source that asks DNS, and asks again when the records' TTL says so.
 *
 * It uses a resolver of its own and not the system's `getaddrinfo`, which knows no TTL and shares four threads with
 * file access. `/etc/hosts` is therefore not looked at, and search domains only where `search` or `resolvConf` says so.
 *
 * @throws ConfigError for an option that is out of its range.
 * @example
 * dnsDiscovery({
 *   services: { users: 'users.internal:8080', billing: { name: '_http._tcp.billing.internal', type: 'srv' } },
 *   domain: 'internal',
 * });
 */
export function dnsDiscovery(options: DnsDiscoveryOptions = {}): Discovery {
  knownKeys(PATH, options, KEYS);
  const defaults: DnsDefaults = {
    port: options.port === undefined ? undefined : portIn(`${PATH}.port`, options.port),
    type: recordType(`${PATH}.type`, options.type ?? 'address'),
    scheme: schemeIn(`${PATH}.scheme`, options.scheme ?? 'http'),
  };
  const names = namesOf(options.services ?? {}, defaults);
  const suffix = domainSuffix(options.domain);
  const timeoutMs = durationMs(`${PATH}.timeoutMs`, options.timeoutMs ?? 2_000);
  const tries = wholeNumberIn(`${PATH}.tries`, options.tries ?? 2, 1, 5);
  const access = dnsAccess(options, timeoutMs, tries);
  // c-ares gives each further try twice the time, and SRV takes two questions, one after the other.
  const settings = pollingSettings(PATH, { ...ttlBounds(options), lookupTimeoutMs: 2 * timeoutMs * 2 ** tries });
  return {
    name: PATH,
    declares: (service) => names.has(service.toLowerCase()),
    watch(service, sink, host) {
      const place = names.get(service.toLowerCase()) ?? complete(service + suffix, undefined, defaults);
      const poller = new Poller(service, settings, dnsLookup(service, place, access, host), sink, host);
      poller.start();
      return () => poller.stop();
    },
  };
}

function namesOf(services: unknown, defaults: DnsDefaults): ReadonlyMap<string, DnsName> {
  if (typeof services !== 'object' || services === null || Array.isArray(services)) {
    throw new ConfigError(`${PATH}.services`, "an object with a DNS name for each service's name", services);
  }
  const entries = Object.entries(services);
  return new Map(entries.map(([service, given]) => [service.toLowerCase(), dnsName(`${PATH}.services.${service}`, given, defaults)]));
}

function domainSuffix(domain: unknown): string {
  if (domain === undefined || domain === '') return '';
  const bare = typeof domain === 'string' ? domain.replace(/^\./, '') : domain;
  return `.${checkedName(`${PATH}.domain`, bare)}`;
}

/** A record's own time counts within these bounds; the time between two retries stays under half a minute. */
function ttlBounds({ minTtlMs = 1_000, maxTtlMs, negativeTtlMs }: DnsDiscoveryOptions): PollingTimes {
  const longestMs = maxTtlMs ?? Math.max(minTtlMs, 60_000);
  return { ttlMs: Math.max(minTtlMs, Math.min(longestMs, LONGEST_RETRY_MS)), minTtlMs, maxTtlMs: longestMs, negativeTtlMs };
}

function dnsAccess(options: DnsDiscoveryOptions, timeout: number, tries: number): DnsAccess {
  const servers = checkedServers(options.servers);
  const search = checkedSearch(options.search);
  const ndots = options.ndots === undefined ? undefined : wholeNumberIn(`${PATH}.ndots`, options.ndots, 0, MOST_NDOTS);
  const file = resolvConfFile(options.resolvConf);
  return {
    async surroundings() {
      const conf = await file?.read();
      const named = conf !== undefined && conf.servers.length > 0 ? conf.servers : undefined;
      return { servers: servers ?? named, search: search ?? conf?.search ?? [], ndots: ndots ?? conf?.ndots ?? DEFAULT_NDOTS };
    },
    resolver(addresses) {
      const resolver = new Resolver({ timeout, tries });
      if (addresses !== undefined) resolver.setServers(addresses);
      return resolver;
    },
  };
}

function checkedServers(servers: unknown): readonly string[] | undefined {
  if (servers === undefined) return undefined;
  const expected = "a list of DNS servers' addresses, such as ['10.0.0.2', '10.0.0.3:5353']";
  if (!Array.isArray(servers) || servers.length === 0) throw new ConfigError(`${PATH}.servers`, expected, servers);
  const own: string[] = [...servers];
  try {
    new Resolver().setServers(own);
  } catch {
    throw new ConfigError(`${PATH}.servers`, expected, servers.join(', '));
  }
  return own;
}

function checkedSearch(search: unknown): readonly string[] | undefined {
  if (search === undefined) return undefined;
  if (!Array.isArray(search)) throw new ConfigError(`${PATH}.search`, "a list of domains, such as ['default.svc.cluster.local']", search);
  return search.map((domain: unknown, index) => {
    const bare = typeof domain === 'string' ? domain.replace(/^\.+|\.+$/g, '') : domain;
    return checkedName(`${PATH}.search[${index}]`, bare);
  });
}

function resolvConfFile(resolvConf: unknown): ResolvConfFile | undefined {
  if (resolvConf === undefined || resolvConf === false) return undefined;
  if (resolvConf === true) return new ResolvConfFile('/etc/resolv.conf');
  // The working directory may change later.
  if (typeof resolvConf === 'string' && resolvConf !== '') return new ResolvConfFile(resolve(resolvConf));
  throw new ConfigError(`${PATH}.resolvConf`, 'true, false or the path of a file', resolvConf);
}
