import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh } from '../../../src/index.js';
import { type SourceRecipe, sourceOf } from './source-recipe.js';

/**
 * One replica of a service in a process of its own, announced in any registry:
 * `replica <recipe of the source as JSON> <service> <port> [<propagationMs>]`.
 *
 * It sends its port once it is announced, ends on SIGTERM by draining, and sends what the drain came to.
 */
const [recipe = '', service = '', port = '', propagationMs = ''] = process.argv.slice(2);
const discovery = await sourceOf(JSON.parse(recipe) as SourceRecipe);

const server = createServer((request, response) => {
  // Every fifth answer takes a while, so that there is something under way when the signal comes.
  const delayMs = Number(request.url?.slice(1)) % 5 === 0 ? 50 : 0;
  request.resume();
  setTimeout(() => response.end(String(process.pid)), delayMs);
});
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');

const mesh = createMesh({ discovery });
const announced = mesh.announceServer(server, {
  service,
  drainOnSigterm: true,
  drain: { propagationMs: propagationMs === '' ? undefined : Number(propagationMs) },
});
await announced.ready;
process.send?.({ port: (server.address() as AddressInfo).port });

const result = await announced.drained;
await mesh.close();
process.send?.(result);
process.disconnect?.();
