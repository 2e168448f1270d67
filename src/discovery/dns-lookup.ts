import type { Resolver } from 'node:dns/promises';
import type { DiscoveryHost } from '../core/discovery.js';
import { UnknownServiceError } from '../core/errors.js';
import { type DnsName, instanceUrl } from './dns-names.js';
import { NameAddresses } from './name-addresses.js';
import type { Ask } from './poller.js';
import { type SearchRules, searchNames } from './search-domains.js';
import { type DnsAnswer, ServiceRecords } from './service-records.js';

/** How DNS is asked at the moment: it may change with the machine's network. */
export interface DnsSurroundings extends SearchRules {
  /** Addresses of DNS servers; undefined for those of the system. */
  readonly servers: readonly string[] | undefined;
}

/** Where questions go. */
export interface DnsAccess {
  surroundings(): Promise<DnsSurroundings>;
  resolver(servers: readonly string[] | undefined): Resolver;
}

/**
 * Asks DNS for one service, again and again.
 *
 * Each lookup has a resolver of its own. A resolver can only be cancelled as a whole, and giving up one service's
 * lookup must not end another's; and it knows the system's servers as they were when it was made, which a laptop
 * or a container may change. What has to be remembered between lookups is in the records.
 *
 * Where a name is searched for in several domains, the first domain that has it counts. One that cannot be asked ends
 * the search: what the next domain has by this name may be something else, and an old list is better than that.
 */
export function dnsLookup(service: string, place: DnsName, access: DnsAccess, host: DiscoveryHost): Ask {
  let questions = new Map<string, Question>();
  return async (signal) => {
    const { servers, ...rules } = await access.surroundings();
    const names = searchNames(place.name, rules);
    const before = questions;
    questions = new Map(names.map((name) => [name, before.get(name) ?? questionFor(service, { ...place, name }, host)]));
    const resolver = access.resolver(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for (const ask of questions.values()) {
        signal.throwIfAborted();
        const answer = await ask(resolver);
        if (answer !== undefined) return { instances: answer.instances, ttlMs: Number.isFinite(answer.ttlMs) ? answer.ttlMs : undefined };
      }
      throw new UnknownServiceError(service, `dnsDiscovery (${names.join(', ')})`);
    } finally {
      signal.removeEventListener('abort', cancel);
      // A family that dawdled would keep its sockets.
      cancel();
    }
  };
}

/** Gives what there is, or undefined for a name that DNS does not have. */
type Question = (resolver: Resolver) => Promise<DnsAnswer | undefined>;

function questionFor(service: string, { name, scheme, port, type }: DnsName, host: DiscoveryHost): Question {
  if (type === 'srv') {
    const records = new ServiceRecords(name, scheme, (target, reason) => host.skipped(service, target, reason));
    return (resolver) => records.ask(resolver, host.clock);
  }
  const records = new NameAddresses(name);
  return async (resolver) => {
    const { addresses, ttlMs } = await records.ask(resolver, host.clock);
    if (addresses.length === 0) return undefined;
    return { instances: addresses.map((address) => instanceUrl(scheme, address, port)), ttlMs };
  };
}
