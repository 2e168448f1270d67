import { BalancedPool, Client, RoundRobinPool } from 'undici';
import {
  adaptive,
  type Balancer,
  createMesh,
  leastRequest,
  p2c,
  peakEwma,
  pendingRequests,
  roundRobin,
  staticDiscovery,
} from '../src/index.js';

/** Makes a client of servers; what it returns sends a request, reads the answer and fails on all but a 200. */
type MakeClient = (urls: readonly string[]) => () => Promise<void>;

/**
 * The contenders of the fleet benchmark. Those of the library differ in their balancer alone: they have the standard
 * stack, as a mesh comes.
 *
 * undici's RoundRobinPool goes around its connections, for a service whose own balancer deals connections to servers;
 * here every new connection goes to the next server.
 */
export const FLEET_CONTENDERS = {
  adaptive: { name: 'adaptive', make: meshWith(() => adaptive()) },
  'p2c-peak-ewma': { name: 'p2c, peak EWMA', make: meshWith(() => p2c({ load: peakEwma() })) },
  'p2c-pending': { name: 'p2c, pending requests', make: meshWith(() => p2c({ load: pendingRequests() })) },
  'least-request': { name: 'leastRequest', make: meshWith(() => leastRequest()) },
  'round-robin': { name: 'roundRobin', make: meshWith(() => roundRobin()) },
  'undici-balanced-pool': { name: 'undici BalancedPool', make: (urls) => dispatching(new BalancedPool([...urls])) },
  'undici-round-robin-pool': { name: 'undici RoundRobinPool', make: (urls) => dispatching(roundRobinPool(urls)) },
} as const satisfies Record<string, { readonly name: string; readonly make: MakeClient }>;

export type FleetContender = keyof typeof FLEET_CONTENDERS;

function meshWith(balancer: () => Balancer): MakeClient {
  return (urls) => {
    const mesh = createMesh({ discovery: staticDiscovery({ fleet: urls }), defaults: { balancer: balancer() } });
    return async () => {
      const response = await mesh.fetch('http://fleet/');
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`answered ${response.status}`);
    };
  };
}

function dispatching(dispatcher: BalancedPool | RoundRobinPool): () => Promise<void> {
  return async () => {
    const { statusCode, body } = await dispatcher.request({ path: '/', method: 'GET' });
    await body.arrayBuffer();
    if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
  };
}

function roundRobinPool(urls: readonly string[]): RoundRobinPool {
  let next = 0;
  const factory = (_origin: URL, options: object) => new Client(urls[next++ % urls.length] as string, options);
  return new RoundRobinPool(urls[0] as string, { factory });
}
