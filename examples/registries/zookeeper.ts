// Two instances of a service announce themselves in a real ZooKeeper; calls go on when one of them is gone.
//
//     node zookeeper.js [SERVERS]        or ZOOKEEPER_SERVERS in the environment
//
// The default is 127.0.0.1:2181. `npm run registries -- zookeeper` starts one there where ZooKeeper is installed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Mesh } from 'fetchmesh';
import { zookeeperDiscovery } from 'fetchmesh/zookeeper';

const servers = process.argv[2] ?? process.env.ZOOKEEPER_SERVERS ?? '127.0.0.1:2181';
const service = `greeter-${process.pid}`;

/** What runs in a process of its own elsewhere: a server, and a mesh that says in ZooKeeper where it is reached. */
async function startInstance(id: string): Promise<{ readonly server: Server; readonly mesh: Mesh }> {
  const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // #region announce
  const mesh = createMesh({ discovery: zookeeperDiscovery({ servers, sessionTimeoutMs: 10_000 }) });
  await mesh.announce({ service, url, id, zone: 'eu-1a', weight: 2, metadata: { version: '7' } });
  // #endregion
  return { server, mesh };
}

const one = await startInstance('one');
const two = await startInstance('two');
console.log(`two instances of ${service} are announced in ZooKeeper at ${servers}`);

// #region call
const mesh = createMesh({ discovery: zookeeperDiscovery({ servers }) });
await mesh.ready([service], { minEndpoints: 2 });
const greet = async (): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();
// #endregion

const answers = new Set<string>();
while (answers.size < 2) answers.add(await greet());
console.log(`answers of both: ${[...answers].sort().join(', ')}`);

one.server.close();
one.server.closeAllConnections();
for (let i = 0; i < 10; i++) await greet();
console.log('one is killed: calls go on, although ZooKeeper still has it');

const removed = new Promise((resolve) => mesh.on('endpointRemoved', resolve));
await one.mesh.close();
await removed;
console.log('its session is closed: ZooKeeper and the mesh have the other alone');

await Promise.all([two.mesh.close(), mesh.close()]);
two.server.close();
two.server.closeAllConnections();
