import { Resolver } from 'node:dns/promises';
import type { Discovery } from '../core/discovery.js';
import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys, wholeNumberIn } from '../core/options-check.js';
import { dnsLookup } from './dns-lookup.js';
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

/** Where and how DNS is asked. All times in milliseconds, above 0. */
export interface DnsDiscoveryOptions {
  /** DNS servers to ask, each an address with or without a port. Default: those of the system. */
  readonly servers?: readonly string[] | undefined;
  /** Services and the names that they have in DNS; these are services by declaration. Default: none. */
  readonly services?: Readonly<Record<string, string | DnsServiceOptions>> | undefined;
  /** Where the names of all other services end: `internal` makes `users.internal` of `users`. Default: nothing. */
  readonly domain?: string | undefined;
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
const KEYS = ['servers', 'services', 'domain', 'port', 'type', 'scheme', 'minTtlMs', 'maxTtlMs', 'negativeTtlMs', 'timeoutMs', 'tries'];
const LONGEST_RETRY_MS = 30_000;

/**
 * A source that asks DNS, and asks again when the records' TTL says so.
 *
 * It uses a resolver of its own and not the system's `getaddrinfo`, which knows no TTL and shares four threads with
 * file access. `/etc/hosts` and search domains are therefore not looked at.
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
  const makeResolver = resolverMaker(options.servers, timeoutMs, tries);
  // c-ares gives each further try twice the time, and SRV takes two questions, one after the other.
  const settings = pollingSettings(PATH, { ...ttlBounds(options), lookupTimeoutMs: 2 * timeoutMs * 2 ** tries });
  return {
    name: PATH,
    declares: (service) => names.has(service.toLowerCase()),
    watch(service, sink, host) {
      const place = names.get(service.toLowerCase()) ?? complete(service + suffix, undefined, defaults);
      const poller = new Poller(service, settings, dnsLookup(service, place, makeResolver, host.clock), sink, host);
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

function resolverMaker(servers: unknown, timeout: number, tries: number): () => Resolver {
  if (servers === undefined) return () => new Resolver({ timeout, tries });
  const expected = "a list of DNS servers' addresses, such as ['10.0.0.2', '10.0.0.3:5353']";
  if (!Array.isArray(servers) || servers.length === 0) throw new ConfigError(`${PATH}.servers`, expected, servers);
  const own = [...servers];
  const make = () => {
    const resolver = new Resolver({ timeout, tries });
    resolver.setServers(own);
    return resolver;
  };
  try {
    make();
  } catch {
    throw new ConfigError(`${PATH}.servers`, expected, servers.join(', '));
  }
  return make;
}
