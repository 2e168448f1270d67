// Two services announce themselves in a real Eureka; calls go on when an instance of one of them is killed.
//
//     node eureka.js [SERVER]        or EUREKA_URL in the environment
//
// `npm run registries -- eureka` starts one at the default address where its tools are installed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Mesh } from 'fetchmesh';
import { eurekaDiscovery } from 'fetchmesh/eureka';

const servers = process.argv[2] ?? process.env.EUREKA_URL ?? 'http://127.0.0.1:8761/eureka';
const [users, orders] = [`users-${process.pid}`, `orders-${process.pid}`];

interface Instance {
  readonly server: Server;
  readonly mesh: Mesh;
}

/** What runs in a process of its own elsewhere: a server, and a mesh that says in Eureka where it is reached. */
async function startInstance(service: string, id: string): Promise<Instance> {
  const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // #region announce
  const mesh = createMesh({ discovery: eurekaDiscovery({ servers, leaseMs: 30_000 }) });
  await mesh.announce({ service, url, id, zone: 'eu-1a', metadata: { version: '7' } });
  // #endregion
  return { server, mesh };
}

function kill({ server }: Instance): void {
  server.close();
  server.closeAllConnections();
}

const ada = await startInstance(users, 'Ada');
const bob = await startInstance(users, 'Bob');
const shop = await startInstance(orders, 'the shop');
console.log('two instances of users and one of orders are in Eureka');

// #region call
const mesh = createMesh({ discovery: eurekaDiscovery({ servers, fetchMs: 5_000 }) });
await mesh.ready([users], { minEndpoints: 2, timeoutMs: 60_000 }); // servers answer from a cache that may be 30 seconds old
const call = async (service: string): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();
// #endregion

const answers = new Set<string>();
while (answers.size < 2) answers.add(await call(users));
console.log(`users: ${[...answers].sort().join(' and ')} answer`);
console.log(`orders: ${await call(orders)} answers`);

kill(ada);
for (let i = 0; i < 10; i++) await call(users);
console.log(`Ada is killed: calls go on, and ${await call(users)} answers`);

await ada.mesh.close();
console.log('Ada is out of Eureka; lists follow when they are fetched again');

await Promise.all([bob.mesh.close(), shop.mesh.close(), mesh.close()]);
kill(bob);
kill(shop);
