// One replica of the demo's service, in a process of its own: announces itself in the embedded registry, and
// misbehaves when it is told to.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, fileDiscovery } from 'fetchmesh';

const [folder = '', name = ''] = process.argv.slice(2);
let mood: 'well' | 'slow' | 'failing' = 'well';

const server = createServer((request, response) => {
  const answer = () => {
    response.statusCode = mood === 'failing' ? 503 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ path: request.url, servedBy: name }));
  };
  setTimeout(answer, mood === 'slow' ? 300 : 2 + Math.random() * 6);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const mesh = createMesh({ discovery: fileDiscovery({ path: folder, leaseMs: 3_000 }) });
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
await mesh.announce({ service: 'users', url, id: name, metadata: { pid: String(process.pid) } });
process.send?.({ url });

process.on('message', (message: typeof mood) => {
  mood = message;
});
process.on('disconnect', async () => {
  await mesh.close();
  server.close();
  server.closeAllConnections();
});
