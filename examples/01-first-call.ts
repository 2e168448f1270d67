import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMesh, staticDiscovery } from 'fetchmesh';

// Two instances of a service. Yours run elsewhere, at addresses such as http://10.0.0.1:8080.
const servers = [1, 2].map(() => createServer((_request, response) => response.end('{"name":"Ada"}')).listen(0, '127.0.0.1'));
await Promise.all(servers.map((server) => once(server, 'listening')));
const [first, second] = servers.map((server) => `http://127.0.0.1:${Object(server.address()).port}`);

const mesh = createMesh({
  discovery: staticDiscovery({ users: [`${first}`, `${second}`] }),
});

const response = await mesh.fetch('http://users/users/42');
console.log(response.status, await response.json()); // -> 200 { name: 'Ada' }

const users = mesh.service('users'); // the same service, by paths alone
console.log((await users.fetch('/users/42')).ok); // -> true

await mesh.close();
for (const server of servers) server.close();
