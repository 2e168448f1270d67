import { createMesh, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const url = await serveJson({ name: 'Ada' });

// #region hosts
const mesh = createMesh({
  discovery: staticDiscovery({ users: [url], 'users.1': [url], 'api.example.com': [url] }),
  claims: /\.svc\.local$/, // or a list of hosts, or a function
  unknownHosts: 'error', // default: 'passthrough', to the fetch of the runtime
});

await mesh.fetch('http://users/'); // declared by the source; it has a single label anyway
await mesh.fetch('http://users.mesh/'); // the same service
await mesh.fetch('http://api.example.com/'); // declared by the source
await mesh.service('users.1').fetch('/'); // a name that cannot stand in a URL

await mesh.fetch('http://orders.svc.local/').catch((error) => console.log(error.code)); // -> ERR_MESH_UNKNOWN_SERVICE
await mesh.fetch('http://www.example.com/').catch((error) => console.log(error.code)); // -> ERR_MESH_UNKNOWN_HOST
await mesh
  .service('users')
  .fetch('//www.example.com/')
  .catch((error) => console.log(error.code)); // -> ERR_MESH_REQUEST
// #endregion
await mesh.close();
