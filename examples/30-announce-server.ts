import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh, fileDiscovery } from 'fetchmesh';

const folder = await mkdtemp(join(tmpdir(), 'registry-'));

// #region announce
// In the process that serves. Express: what app.listen() returns. Fastify: app.server. Hono: what serve() returns.
const server = createServer((request, response) => {
  if (request.url === '/slow') setTimeout(() => response.end('slow, but answered'), 500);
  else response.end('hello');
}).listen(0, '127.0.0.1');

const mesh = createMesh({ discovery: fileDiscovery(folder) });
const announced = mesh.announceServer(server, { service: 'greeter', drainOnSigterm: true, drain: { propagationMs: 100 } });
await announced.ready; // it listens, and is in the registry
// #endregion

const client = createMesh({ discovery: fileDiscovery(folder) });
client.on('endpointRemoved', ({ service }) => console.log(`an instance of ${service} has left`));
await client.ready(['greeter']);
console.log(await (await client.fetch('http://greeter/')).text()); // -> hello

const arrived = once(server, 'request');
const slow = client.fetch('http://greeter/slow');
await arrived;
console.log(announced.inFlight); // -> 1

// #region drain
process.kill(process.pid, 'SIGTERM'); // what a supervisor does; or call announced.drain() yourself
const { finished, cut } = await announced.drained; // -> an instance of greeter has left
console.log(`finished ${finished}, cut ${cut}`); // -> finished 1, cut 0
await mesh.close();
// #endregion

console.log(await (await slow).text()); // -> slow, but answered
await client.close();
await rm(folder, { recursive: true });
