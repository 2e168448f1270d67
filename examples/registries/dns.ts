// A service with two addresses in a real DNS server; calls go on when one of them is gone.
//
//     node dns.js [SERVER] [NAME]
//
// The defaults are 127.0.0.1:5353 and greeter.test. A server to try it with:
//
//     dnsmasq --keep-in-foreground --port=5353 --no-resolv --no-hosts --addn-hosts=FILE
//
// where FILE has the lines `127.0.0.2 greeter.test` and `127.0.0.3 greeter.test`. (Linux has all of 127.0.0.0/8.)
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, dnsDiscovery } from 'fetchmesh';

const [dnsServer = '127.0.0.1:5353', name = 'greeter.test'] = process.argv.slice(2);

/** One instance: whoever runs it has entered its address in DNS. */
async function startInstance(address: string, port: number): Promise<Server> {
  const server = createServer((_request, response) => response.end(address)).listen(port, address);
  await once(server, 'listening');
  return server;
}

const first = await startInstance('127.0.0.2', 0);
const { port } = first.address() as AddressInfo;
const second = await startInstance('127.0.0.3', port);
console.log(`two instances of ${name} listen on port ${port}`);

// #region mesh
const mesh = createMesh({
  discovery: dnsDiscovery({
    services: { greeter: { name, port } }, // addresses have no ports; `type: 'srv'` takes them from SRV records
    servers: [dnsServer], // default: those of the system
  }),
});
await mesh.ready(['greeter'], { minEndpoints: 2 });
const greet = async (): Promise<string> => (await mesh.fetch('http://greeter/')).text();
// #endregion

const answers = new Set<string>();
while (answers.size < 2) answers.add(await greet());
console.log(`answers of both: ${[...answers].sort().join(', ')}`);

console.log('killing 127.0.0.2');
first.close();
first.closeAllConnections();
for (let i = 0; i < 10; i++) await greet();
console.log('calls go on, although DNS still has its address');

await mesh.close();
second.close();
second.closeAllConnections();
