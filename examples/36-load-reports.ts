import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, loadReports, staticDiscovery, weightedRoundRobin } from 'fetchmesh';

// #region server
const reports = loadReports();
const server = createServer((_request, response) => response.end('hello'));
reports.attach(server); // or app.use(reports.express()), app.register(reports.fastify), app.use(reports.hono())
// #endregion

server.listen(0, '127.0.0.1').unref();
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

// #region client
const mesh = createMesh({
  discovery: staticDiscovery({ greeter: [`http://127.0.0.1:${port}`] }),
  services: { greeter: { balancer: weightedRoundRobin() } },
});
// #endregion

const response = await mesh.fetch('http://greeter/');
console.log(await response.text()); // -> hello
console.log(response.headers.get('endpoint-load-metrics')?.startsWith('TEXT named_metrics.rif=0')); // -> true
await mesh.close();
