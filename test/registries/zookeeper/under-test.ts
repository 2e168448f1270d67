import { type ZooKeeperDiscoveryOptions, zookeeperDiscovery } from '../../../src/registries/zookeeper/index.js';
import { startZooKeeper } from '../servers/zookeeper.js';
import type { EnteredInstance, RegistryUnderTest, SourceChoice, StartRegistry } from '../support/registry-under-test.js';
import { curatorData, Hands } from './hands.js';

const ROOT = '/services';

/** ZooKeeper for the tests that every registry has to pass. */
export const startZooKeeperUnderTest: StartRegistry = async (): Promise<RegistryUnderTest> => {
  const zooKeeper = await startZooKeeper({ tickTimeMs: 500 });
  // One connection for as long as it lasts, for all who write at a time: servers are killed, frozen and emptied.
  let hands: Promise<Hands> | undefined;
  const connect = (): Promise<Hands> => {
    const connecting = Hands.connect(zooKeeper.servers, ROOT);
    connecting.catch(() => {
      if (hands === connecting) hands = undefined;
    });
    return connecting;
  };
  const withHands = async <T>(use: (hands: Hands) => Promise<T>): Promise<T> => {
    hands ??= connect();
    const mine = hands;
    const { isConnected } = await mine;
    if (isConnected) {
      try {
        return await use(await mine);
      } catch (error) {
        if ((await mine).isConnected) throw error;
      }
    }
    if (hands === mine) {
      hands = undefined;
      (await mine).leave();
    }
    return withHands(use);
  };
  return {
    name: 'zookeeper',
    traits: {
      // A few milliseconds, but six servers and their tests may share a small machine.
      seenWithinMs: 10_000,
      live: true,
      weights: true,
      zones: true,
      metadata: true,
      ids: true,
      announces: true,
      tellsUnknown: true,
    },
    server: zooKeeper.server,
    isReachedByTcp: true,
    discovery: (choice) => zookeeperDiscovery(optionsFor(zooKeeper.servers, choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/registries/zookeeper/index.js', import.meta.url).href,
      make: 'zookeeperDiscovery',
      options: optionsFor(zooKeeper.servers, choice),
    }),
    put: (service, instance) => withHands((hands) => hands.write(hands.nodeOf(service, instance.id), dataOf(service, instance))),
    putMany: (service, instances) =>
      withHands((hands) =>
        hands.writeNew(
          `${ROOT}/${service}`,
          instances.map((instance) => [encodeURIComponent(instance.id), dataOf(service, instance)] as const),
        ),
      ),
    remove: (service, id) => withHands((hands) => hands.delete(hands.nodeOf(service, id))),
    putBroken: (service) =>
      withHands(async (hands) => {
        const entries = brokenEntries(service);
        await hands.writeNew(`${ROOT}/${service}`, entries);
        return entries.length;
      }),
    entries: (service) => withHands(async (hands) => (await hands.children(`${ROOT}/${service}`)).map((name) => decodeURIComponent(name))),
    async stop() {
      (await hands)?.leave();
      await zooKeeper.stop();
    },
  };
};

/** The protocol pings three times in a session's time, so that time is what liveness is. */
function optionsFor(servers: string, { via, livenessMs }: SourceChoice = {}): ZooKeeperDiscoveryOptions {
  return { servers: via ?? servers, basePath: ROOT, sessionTimeoutMs: livenessMs ?? 6_000, requestTimeoutMs: 2_000 };
}

function dataOf(service: string, instance: EnteredInstance): Buffer {
  return curatorData(service, instance);
}

/** What a careless or a hostile hand may write. None of it can be called. */
export function brokenEntries(service: string): (readonly [name: string, data: Buffer])[] {
  const good = JSON.parse(curatorData(service, { id: 'good', url: 'http://127.0.0.1:8080' }).toString()) as object;
  const changed = (change: object): string => JSON.stringify({ ...good, uriSpec: null, ...change });
  const texts = {
    'broken-json': '{"name":',
    'no-object': '[1,2]',
    'no-address': changed({ address: undefined }),
    'no-port': changed({ port: null }),
    'port-is-text': changed({ port: '8080' }),
    'port-out-of-range': changed({ port: 70_000 }),
    'cloud-metadata': changed({ address: '169.254.169.254' }),
    'address-with-path': changed({ address: 'host/path?query' }),
    'address-is-object': changed({ address: { __proto__: null } }),
    'uri-of-a-file': changed({ uriSpec: { parts: [{ value: 'file:///etc/passwd', variable: false }] } }),
    'unknown-variable': changed({ uriSpec: { parts: [{ value: 'secret', variable: true }] } }),
    'uri-spec-is-text': changed({ uriSpec: 'http://{address}' }),
    'weight-is-object': changed({ payload: { weight: {} } }),
    'a-million-bytes': changed({ payload: { metadata: { long: 'x'.repeat(900_000) } } }),
    'much-metadata': changed({ payload: { metadata: Object.fromEntries(Array.from({ length: 100 }, (_, each) => [`key${each}`, 'x'])) } }),
    empty: '',
    binary: '\u0000\u0001\ufffd',
  };
  return Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)] as const);
}
