import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, loadReports, prequal, staticDiscovery } from 'fetchmesh';

async function startServer(): Promise<string> {
  // #region server
  const server = createServer((_request, response) => response.end('found'));
  loadReports().attach(server); // reports in answers, and answers probes
  // #endregion
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const urls = await Promise.all([startServer(), startServer(), startServer()]);

// #region client
const mesh = createMesh({
  discovery: staticDiscovery({ search: urls }),
  services: { search: { balancer: prequal() } },
});
// #endregion

for (let request = 0; request < 10; request++) await (await mesh.fetch('http://search/')).text();

// #region counts
const inquiries = mesh.inspect().services.search?.inquiries;
console.log(inquiries !== undefined && inquiries.asked >= 5 && inquiries.failed === 0); // -> true
// #endregion
await mesh.close();
