import { createMesh, dnsDiscovery } from 'fetchmesh';
import { serveDns } from './dns-server.js';
import { serveJson } from './servers.js';

const port = Number(new URL(await serveJson({ name: 'Ada' })).port);
const dnsServer = await serveDns('users.internal', '127.0.0.1');

// #region dns
const mesh = createMesh({
  discovery: dnsDiscovery({
    domain: 'internal', // `users` is looked up as users.internal
    port,
    services: {
      billing: { name: '_http._tcp.billing.internal', type: 'srv' }, // ports, priorities and weights from the records
    },
    servers: [dnsServer], // default: those of the system
  }),
});
console.log(await (await mesh.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
// #endregion
await mesh.close();
