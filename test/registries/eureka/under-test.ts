import type { Discovery } from '../../../src/index.js';
import { type EurekaDiscoveryOptions, eurekaDiscovery } from '../../../src/registries/eureka/index.js';
import { type Eureka, type EurekaOptions, startEureka as startServer } from '../servers/eureka.js';
import type { EnteredInstance, RegistryUnderTest, SourceChoice, StartRegistry } from '../support/registry-under-test.js';
import { brokenEntries, instanceIdFor, type NativeEntry, nativeEntry } from './entries.js';

/** How often the sources of these tests ask, and how old the server's answers may be. */
export const FETCH_MS = 200;
const RESPONSE_CACHE_MS = 100;
const PARALLEL = 16;

/** A real Eureka, and the hands that work on it. */
export interface EurekaUnderTest extends RegistryUnderTest {
  readonly eureka: Eureka;
  /** A source on all servers, with options of the test's own. */
  source(options?: EurekaDiscoveryOptions): Discovery;
  putEntry(service: string, entry: NativeEntry): Promise<void>;
}

export async function startEurekaUnderTest({
  fetchMs = FETCH_MS,
  ...options
}: EurekaOptions & { readonly fetchMs?: number } = {}): Promise<EurekaUnderTest> {
  const settings = {
    // An answer that is made while a change comes in is kept without it, until the next change or until it expires: 180 s.
    'eureka.server.response-cache-auto-expiration-in-seconds': 1,
    ...options.settings,
  };
  const eureka = await startServer({ responseCacheMs: RESPONSE_CACHE_MS, ...options, settings });
  const usual: EurekaDiscoveryOptions = { servers: eureka.urls, fetchMs, serverCacheMs: RESPONSE_CACHE_MS, leaseMs: 3_000 };
  const optionsFor = ({ via, livenessMs }: SourceChoice = {}): EurekaDiscoveryOptions => ({
    ...usual,
    ...(via !== undefined && { servers: `http://${via}/eureka` }),
    // It asks all the time: a request that is not answered is how it notices.
    ...(livenessMs !== undefined && { requestTimeoutMs: livenessMs }),
  });
  const pathOf = (service: string) => `/apps/${encodeURIComponent(service.toUpperCase())}`;

  async function putEntry(service: string, entry: NativeEntry): Promise<void> {
    // Kept connections: ten thousand of them would use up the ports.
    const response = await fetch(`${eureka.server.address}/eureka${pathOf(service)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instance: entry }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Eureka answered ${response.status} to the registration of ${entry.instanceId}: ${text}`);
  }

  return {
    name: 'eureka',
    traits: {
      // The server's cache, the source's own period, and a busy machine.
      seenWithinMs: 10_000,
      live: false,
      weights: true,
      zones: true,
      metadata: true,
      ids: true,
      announces: true,
      tellsUnknown: true,
    },
    eureka,
    server: eureka.server,
    isReachedByTcp: true,
    discovery: (choice) => eurekaDiscovery(optionsFor(choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/registries/eureka/index.js', import.meta.url).href,
      make: 'eurekaDiscovery',
      options: optionsFor(choice),
    }),
    source: (options = {}) => eurekaDiscovery({ ...usual, ...options }),
    putEntry,
    put: (service, instance) => putEntry(service, nativeEntry(service, instance)),
    async putMany(service, instances) {
      const left = [...instances];
      const work = async (): Promise<void> => {
        for (let next: EnteredInstance | undefined = left.pop(); next !== undefined; next = left.pop()) {
          await putEntry(service, nativeEntry(service, next));
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
    },
    async remove(service, id) {
      await eureka.call(`${pathOf(service)}/${encodeURIComponent(instanceIdFor(id))}`, { method: 'DELETE' });
    },
    async putBroken(service) {
      const entries = brokenEntries(service);
      for (const entry of entries) await putEntry(service, entry);
      return entries.length;
    },
    async entries(service) {
      const answer = (await eureka.call('/apps')) as { applications: { application: { name: string; instance: NativeEntry[] }[] } };
      const instances = answer.applications.application.filter(({ name }) => name === service.toUpperCase());
      return instances.flatMap(({ instance }) => instance.map(({ instanceId }) => instanceId));
    },
    stop: () => eureka.stop(),
  };
}

export const startEureka: StartRegistry = () => startEurekaUnderTest();
