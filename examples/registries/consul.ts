// Two services announce themselves in a real Consul; calls go on when an instance of one of them is gone.
//
//     node consul.js [ADDRESS]        or CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN in the environment
//
// `npm run registries -- consul` starts one at the default address where its tools are installed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Lease } from 'fetchmesh';
import { consulDiscovery } from 'fetchmesh/consul';

const address = process.argv[2] ?? process.env.CONSUL_HTTP_ADDR ?? 'http://127.0.0.1:8500';
const token = process.env.CONSUL_HTTP_TOKEN;
const [users, orders] = [`users-${process.pid}`, `orders-${process.pid}`];

// #region mesh
const mesh = createMesh({ discovery: consulDiscovery({ address, token, leaseMs: 5_000 }) });
// #endregion

/** What runs in a process of its own elsewhere: a server that says in Consul where it is reached. */
async function startInstance(service: string, name: string): Promise<{ readonly server: Server; readonly lease: Lease }> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // #region announce
  const lease = await mesh.announce({ service, url: `http://127.0.0.1:${port}`, zone: 'eu-1a', metadata: { version: '2' } });
  // #endregion
  return { server, lease };
}

function stop(server: Server): void {
  server.close();
  server.closeAllConnections();
}

const call = async (service: string): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();

const [ada, bob, shop] = await Promise.all([startInstance(users, 'Ada'), startInstance(users, 'Bob'), startInstance(orders, 'the shop')]);
await mesh.ready([users, orders]);
await mesh.ready([users], { minEndpoints: 2 });
console.log('two instances of users and one of orders are in Consul');

const answers = new Set<string>();
while (answers.size < 2) answers.add(await call(users));
console.log(`users answers: ${[...answers].sort().join(', ')}`);
console.log(`orders answers: ${await call(orders)}`);

console.log('killing Ada, who has no time to say so');
stop(ada.server);
for (let i = 0; i < 10; i++) await call(users);
console.log(`calls go on: ${await call(users)} answers`);

const left = new Promise((resolve) => mesh.on('endpointRemoved', resolve));
await ada.lease.close();
await left;
console.log('Ada is out of Consul, and of every list');

await Promise.all([bob.lease.close(), shop.lease.close()]);
await mesh.close();
stop(bob.server);
stop(shop.server);
