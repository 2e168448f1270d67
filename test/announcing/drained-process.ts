import { once } from 'node:events';
import { createServer } from 'node:http';
import { createMesh, fileDiscovery } from '../../src/index.js';

/**
 * A process that serves until SIGTERM: `drained-process <folder>`. It answers /slow half a second late, says what
 * happens, and ends when nothing keeps it alive.
 */
const [folder = ''] = process.argv.slice(2);
const server = createServer((request, response) => {
  if (request.url !== '/slow') {
    response.end('ok');
    return;
  }
  process.send?.('asked');
  setTimeout(() => response.end('late'), 500);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('SIGTERM', () => process.send?.('heard SIGTERM too'));
const mesh = createMesh({ discovery: fileDiscovery({ path: folder }) });
const announced = mesh.announceServer(server, { service: 'users', drainOnSigterm: true, drain: { propagationMs: 200 } });
await announced.ready;
process.send?.('ready');
announced.drained.then((result) => {
  process.send?.(result);
  process.send?.({ listeners: process.listenerCount('SIGTERM') });
  process.disconnect?.();
});
