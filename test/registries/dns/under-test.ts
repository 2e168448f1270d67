import { type DnsDiscoveryOptions, dnsDiscovery } from '../../../src/index.js';
import { startBind as startServer } from '../servers/bind.js';
import { resolverOf } from '../servers/dns-question.js';
import type { EnteredInstance, SourceChoice, StartRegistry } from '../support/registry-under-test.js';

const ZONE = 'test';

/** BIND, with hands that write its zone: an SRV record for each instance, and an address for its target. */
export const startBind: StartRegistry = async () => {
  // Without this BIND loads no zone that has more than 100 records of a name.
  const bind = await startServer({ zones: { [ZONE]: '' }, settings: 'max-records-per-type 0;' });
  const services = new Map<string, Map<string, EnteredInstance>>();
  const broken = new Set<string>();
  let nextWrite: Promise<void> | undefined;
  // Once for all that changes in one go.
  const write = (): Promise<void> => {
    nextWrite ??= Promise.resolve().then(() => {
      nextWrite = undefined;
      return bind.setZone(ZONE, [...recordsOf(services), ...[...broken].flatMap(brokenRecords)].join('\n'));
    });
    return nextWrite;
  };
  const enter = (service: string, instances: readonly EnteredInstance[]): Promise<void> => {
    const entries = services.get(service) ?? new Map<string, EnteredInstance>();
    services.set(service, entries);
    for (const instance of instances) entries.set(instance.id, instance);
    return write();
  };
  const options = ({ via }: SourceChoice = {}): DnsDiscoveryOptions => ({
    servers: [via ?? bind.address],
    domain: ZONE,
    type: 'srv',
    minTtlMs: 200,
    maxTtlMs: 300,
    negativeTtlMs: 200,
    timeoutMs: 500,
  });
  return {
    name: 'dns',
    traits: {
      // A lookup of two hundred instances asks two hundred questions, some of them twice on a busy machine.
      seenWithinMs: 15_000,
      live: false,
      weights: true,
      zones: false,
      metadata: false,
      ids: false,
      announces: false,
      tellsUnknown: true,
      wholeUrls: false,
    },
    server: bind,
    isReachedByTcp: false,
    discovery: (choice) => dnsDiscovery(options(choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/index.js', import.meta.url).href,
      make: 'dnsDiscovery',
      options: options(choice),
    }),
    put: (service, instance) => enter(service, [instance]),
    putMany: enter,
    async remove(service, id) {
      services.get(service)?.delete(id);
      await write();
    },
    async putBroken(service) {
      broken.add(service);
      await write();
      return brokenRecords(service).filter((record) => record.includes(' SRV ')).length;
    },
    async entries(service) {
      const records = await resolverOf(bind.address).resolveSrv(`${service}.${ZONE}`);
      return records.map(({ name, port }) => `${name}:${port}`);
    },
    stop: () => bind.stop(),
  };
};

function recordsOf(services: ReadonlyMap<string, ReadonlyMap<string, EnteredInstance>>): Set<string> {
  const records = new Set<string>();
  for (const [service, entries] of services) {
    for (const { url, weight = 1 } of entries.values()) {
      const { hostname, port, protocol } = new URL(url);
      const address = hostname.replace(/^\[|\]$/g, '');
      const target = `at-${address.replace(/[.:]/g, '-')}`;
      records.add(`${service} 1 SRV 0 ${Math.round(weight)} ${port === '' ? (protocol === 'https:' ? 443 : 80) : port} ${target}`);
      records.add(`${target} 1 ${address.includes(':') ? 'AAAA' : 'A'} ${address}`);
    }
  }
  return records;
}

/** Records that lead nowhere, or where no request may be sent. */
function brokenRecords(service: string): readonly string[] {
  return [
    `${service} 1 SRV 0 1 80 nobody`,
    `${service} 1 SRV 0 1 0 here`,
    `${service} 1 SRV 0 1 80 cloud`,
    'here 1 A 10.0.0.1',
    'cloud 1 A 169.254.169.254',
  ];
}
