import { type EtcdDiscoveryOptions, etcdDiscovery } from '../../../src/registries/etcd/index.js';
import { base64, type Etcd, startEtcd as startServer } from '../servers/etcd.js';
import type { EnteredInstance, RegistryUnderTest, SourceChoice, StartRegistry } from '../support/registry-under-test.js';

/** What nobody can call, and why. Each is the value of a key of its own. */
export const BROKEN: Readonly<Record<string, string>> = {
  'cut-off': '{"Op":0,"Addr":"10.9.9.1:80"',
  'no-json': '10.9.9.2:80',
  'no-port': '{"Op":0,"Addr":"10.9.9.3"}',
  'no-address': '{"Op":0}',
  'address-of-wrong-type': '{"Op":0,"Addr":{"host":"10.9.9.4"}}',
  list: '["10.9.9.5:80"]',
  credentials: '{"Op":0,"Addr":"169.254.169.254:80"}',
  'credentials-in-metadata': '{"Op":0,"Addr":"10.9.9.6:80","Metadata":{"url":"http://169.254.169.254/latest/"}}',
  script: '{"Op":0,"Addr":"javascript://10.9.9.7:80/%0aalert(1)","Metadata":{"x":"<script>alert(1)</script>"}}',
  huge: JSON.stringify({ Op: 0, Addr: '10.9.9.8:80', Metadata: { x: 'x'.repeat(1_000_000) } }),
  'weight-of-nothing': '{"Op":0,"Addr":"10.9.9.9:80","Metadata":{"weight":0}}',
  'weight-of-wrong-type': '{"Op":0,"Addr":"10.9.9.10:80","Metadata":{"weight":"heavy"}}',
  'zone-of-wrong-type': '{"Op":0,"Addr":"10.9.9.11:80","Metadata":{"zone":{}}}',
  prototype: '{"Op":0,"__proto__":{"Addr":"10.9.9.12:80"}}',
};

/** The value of a key, as a Go service would write it. */
export function entry({ url, weight, zone, metadata }: Omit<EnteredInstance, 'id'>): string {
  const { protocol, host, pathname } = new URL(url);
  const isPlain = protocol === 'http:' && pathname === '/' && host.includes(':');
  const Metadata = {
    ...metadata,
    ...(isPlain ? {} : { url }),
    ...(weight !== undefined && { weight }),
    ...(zone !== undefined && { zone }),
  };
  return JSON.stringify({ Op: 0, Addr: isPlain ? host : `${host}:443`, Metadata });
}

/** etcd takes at most 128 operations in a transaction. */
const LARGEST_TRANSACTION = 128;

/** etcd, with hands that write its keys. */
export const startEtcd: StartRegistry = async () => registryOf(await startServer());

/** The same, on an etcd that a test has started by itself. */
export function registryOf(etcd: Etcd): RegistryUnderTest {
  const keyOf = (service: string, id: string) => base64(`services/${service}/${id}`);
  const put = (service: string, id: string, value: string) => etcd.call('kv/put', { key: keyOf(service, id), value: base64(value) });
  return {
    name: 'etcd',
    traits: {
      seenWithinMs: 10_000,
      live: true,
      weights: true,
      zones: true,
      metadata: true,
      ids: true,
      announces: true,
      tellsUnknown: false,
    },
    server: etcd.server,
    isReachedByTcp: true,
    discovery: (choice) => etcdDiscovery(optionsFor(etcd, choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/registries/etcd/index.js', import.meta.url).href,
      make: 'etcdDiscovery',
      options: optionsFor(etcd, choice),
    }),
    put: async (service, instance) => {
      await put(service, instance.id, entry(instance));
    },
    putMany: async (service, instances) => {
      for (let start = 0; start < instances.length; start += LARGEST_TRANSACTION) {
        const success = instances
          .slice(start, start + LARGEST_TRANSACTION)
          .map((each) => ({ request_put: { key: keyOf(service, each.id), value: base64(entry(each)) } }));
        await etcd.call('kv/txn', { success });
      }
    },
    remove: async (service, id) => {
      await etcd.call('kv/deleterange', { key: keyOf(service, id) });
    },
    putBroken: async (service) => {
      for (const [id, value] of Object.entries(BROKEN)) await put(service, id, value);
      return Object.keys(BROKEN).length;
    },
    entries: async (service) => {
      const answer = await etcd.call('kv/range', { key: keyOf(service, ''), range_end: base64(`services/${service}0`), keys_only: true });
      const { kvs = [] } = answer as { kvs?: readonly { key: string }[] };
      const prefixLength = `services/${service}/`.length;
      return kvs.map(({ key }) => Buffer.from(key, 'base64').toString('utf8').slice(prefixLength));
    },
    stop: () => etcd.stop(),
  };
}

function optionsFor({ endpoints }: Etcd, { via, livenessMs }: SourceChoice = {}): EtcdDiscoveryOptions {
  return {
    endpoints: via === undefined ? endpoints : `http://${via}`,
    leaseMs: 3_000,
    ...(livenessMs !== undefined && { livenessMs }),
  };
}
