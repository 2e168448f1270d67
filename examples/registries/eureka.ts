// Two services in a Eureka registry: announced, called, one instance killed.
//     node eureka.js http://127.0.0.1:8761/eureka          (or EUREKA_URL; this is the default)
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh } from 'fetchmesh';
import { eurekaDiscovery } from 'fetchmesh/eureka';

const servers = process.argv[2] ?? process.env.EUREKA_URL ?? 'http://127.0.0.1:8761/eureka';

async function serve(name: string): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const users = [await serve('users-1'), await serve('users-2')];
const orders = await serve('orders-1');

// #region announce
// In the processes that serve: a heartbeat keeps each instance in the registry.
const serving = createMesh({ discovery: eurekaDiscovery({ servers, leaseMs: 30_000 }) });
for (const { url } of users) await serving.announce({ service: 'users', url, zone: 'eu-1a', metadata: { version: '7' } });
await serving.announce({ service: 'orders', url: orders.url });
// #endregion
console.log('announced: two instances of users, one of orders');

// #region call
// In the processes that call: one request every few seconds brings what has changed in all services.
const mesh = createMesh({ discovery: eurekaDiscovery({ servers, fetchMs: 5_000 }) });
await mesh.ready(['users'], { minEndpoints: 2, timeoutMs: 60_000 }); // servers answer from a cache that may be 30 seconds old
console.log(await (await mesh.fetch('http://orders/')).text()); // -> orders-1
// #endregion

const answers = new Set<string>();
for (let call = 0; call < 50; call++) answers.add(await (await mesh.fetch('http://users/')).text());
console.log(`users: 50 calls answered by ${[...answers].sort().join(' and ')}`);

// One dies without a word. Its entry stays for a while; calls go on without it.
users[0]?.server.close();
users[0]?.server.closeAllConnections();
let answered = 0;
for (let call = 0; call < 50; call++) if ((await mesh.fetch('http://users/')).ok) answered++;
console.log(`users-1 is dead: ${answered} of 50 calls answered`);

await Promise.all([mesh.close(), serving.close()]);
for (const { server } of [...users, orders]) {
  server.close();
  server.closeAllConnections();
}
console.log('taken out of the registry');
