import { once } from 'node:events';
import { createServer } from 'node:https';
import { createMesh, staticDiscovery } from 'fetchmesh';
import { TEST_ONLY_CA as ca, TEST_ONLY_USERS as certificate } from '../test/support/tls/test-only-certificates.js';

const server = createServer(certificate, (request, response) => response.end(request.headers.host)).listen(0, '127.0.0.1');
await once(server, 'listening');
const port = Object(server.address()).port;

// #region tls
const mesh = createMesh({
  discovery: staticDiscovery({ users: [`https://127.0.0.1:${port}`] }), // the instance says that it speaks TLS
  services: {
    users: {
      tls: { ca }, // who signs the servers' certificates; cert and key, where the server asks who you are
      host: 'service', // the certificate is for `users`. With 'endpoint' it is for the instance's address
    },
  },
});
const response = await mesh.fetch('http://users/'); // the scheme in a service's URL says nothing
console.log(await response.text(), response.url); // -> users http://users/
// #endregion
await mesh.close();
server.close();
