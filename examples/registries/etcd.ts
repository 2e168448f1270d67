// Two instances of a service announce themselves in a real etcd; calls go on when one of them is gone.
//
//     node etcd.js [ENDPOINT]        or ETCD_ENDPOINT, ETCD_USERNAME, ETCD_PASSWORD in the environment
//
// `npm run registries -- etcd` starts one at the default address where etcd is installed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Lease } from 'fetchmesh';
import { etcdDiscovery } from 'fetchmesh/etcd';

const endpoint = process.argv[2] ?? process.env.ETCD_ENDPOINT ?? 'http://127.0.0.1:2379';
const username = process.env.ETCD_USERNAME;
const password = process.env.ETCD_PASSWORD;
const service = `greeter-${process.pid}`;
const source = () => etcdDiscovery({ endpoints: [endpoint], username, password, leaseMs: 5_000 });

interface Instance {
  readonly name: string;
  readonly server: Server;
  readonly lease: Lease;
  close(): Promise<void>;
}

/** What runs in a process of its own elsewhere: a server that says in etcd where it is reached. */
async function startInstance(name: string): Promise<Instance> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // #region announce
  const mesh = createMesh({ discovery: source() });
  const lease = await mesh.announce({ service, url, id: name, zone: 'eu-1a', metadata: { version: '7' } });
  // #endregion
  return { name, server, lease, close: () => mesh.close() };
}

const instances = await Promise.all(['one', 'two'].map(startInstance));
console.log(`two instances of ${service} are announced in etcd at ${endpoint}`);

// #region call
const mesh = createMesh({
  discovery: etcdDiscovery({ endpoints: [endpoint], username, password }), // by default without a user
});
await mesh.ready([service], { minEndpoints: 2 });
const greet = async (): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();
// #endregion

const answers = new Set<string>();
while (answers.size < 2) answers.add(await greet());
console.log(`answers of both: ${[...answers].sort().join(', ')}`);

const [first] = instances;
console.log(`killing ${first?.name}, which has no time to say so`);
first?.server.close();
first?.server.closeAllConnections();
for (let i = 0; i < 10; i++) await greet();
console.log('calls go on, although it is still in etcd');

const left = new Promise<void>((resolve) => mesh.on('endpointRemoved', () => resolve()));
await first?.lease.close();
await left;
console.log('its key is gone: the mesh knows the other one alone');

for (const { server, close } of instances) {
  await close();
  server.close();
}
await mesh.close();
