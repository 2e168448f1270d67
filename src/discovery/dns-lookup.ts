import type { Resolver } from 'node:dns/promises';
import type { Clock } from '../core/clock.js';
import { UnknownServiceError } from '../core/errors.js';
import { type DnsName, instanceUrl } from './dns-names.js';
import { NameAddresses } from './name-addresses.js';
import type { Ask } from './poller.js';
import { type DnsAnswer, ServiceRecords } from './service-records.js';

/**
 * Asks DNS for one service, again and again.
 *
 * Each lookup has a resolver of its own. A resolver can only be cancelled as a whole, and giving up one service's
 * lookup must not end another's; and it knows the system's servers as they were when it was made, which a laptop
 * or a container may change. What has to be remembered between lookups is in the records.
 */
export function dnsLookup(service: string, place: DnsName, makeResolver: () => Resolver, clock: Clock): Ask {
  const ask = place.type === 'srv' ? serviceRecords(place) : addressRecords(place);
  return async (signal) => {
    const resolver = makeResolver();
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await ask(resolver, clock);
      if (answer === undefined) throw new UnknownServiceError(service, `dnsDiscovery (${place.name})`);
      return { instances: answer.instances, ttlMs: Number.isFinite(answer.ttlMs) ? answer.ttlMs : undefined };
    } finally {
      signal.removeEventListener('abort', cancel);
      // A family that dawdled would keep its sockets.
      cancel();
    }
  };
}

/** Gives what there is, or undefined for a name that DNS does not have. */
type Question = (resolver: Resolver, clock: Clock) => Promise<DnsAnswer | undefined>;

function serviceRecords({ name, scheme }: DnsName): Question {
  const records = new ServiceRecords(name, scheme);
  return (resolver, clock) => records.ask(resolver, clock);
}

function addressRecords({ name, scheme, port }: DnsName): Question {
  const records = new NameAddresses(name);
  return async (resolver, clock) => {
    const { addresses, ttlMs } = await records.ask(resolver, clock);
    if (addresses.length === 0) return undefined;
    return { instances: addresses.map((address) => instanceUrl(scheme, address, port)), ttlMs };
  };
}
