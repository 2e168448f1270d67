import { createReadStream } from 'node:fs';
import { createMesh, retryBudget, standard, staticDiscovery } from 'fetchmesh';
import { bodyOf, serve } from './servers.js';

let received = 0;
const url = await serve(async (request, response) => {
  const { length } = await bodyOf(request);
  response.writeHead(++received % 2 === 1 ? 503 : 200).end(String(length > 0)); // each first try fails
});
// #region budget
const budget = retryBudget({ ratio: 0.05 }); // one retry for twenty successes, over both services
const policies = standard({ retry: { attempts: 3, backoff: { baseMs: 10, maxMs: 200 }, budget } });
const mesh = createMesh({
  discovery: staticDiscovery({ orders: [url], files: [url] }),
  services: { orders: { policies }, files: { policies } },
});
// #endregion

// #region idempotent
// A POST is repeated once it was sent only if you say that this does no harm.
const headers = { 'idempotency-key': crypto.randomUUID() };
const order = await mesh.fetch('http://orders/', { method: 'POST', headers, body: JSON.stringify({ item: 7 }) });
const search = await mesh.fetch('http://orders/search', { method: 'POST', body: 'q=7', mesh: { idempotent: true } });
// #endregion
console.log(order.status, search.status); // -> 200 200

// #region body-function
// A stream is sent once. A function that makes it can be asked again; or some of it is kept.
const file = new URL(import.meta.url);
const made = await mesh.fetch('http://files/a', { method: 'PUT', body: () => createReadStream(file) });
const kept = await mesh.fetch('http://files/b', {
  method: 'PUT',
  body: createReadStream(file),
  duplex: 'half',
  mesh: { bufferBody: 1_000_000 },
});
// #endregion
console.log(made.status, kept.status); // -> 200 200
await mesh.close();
