import { createMesh, pollingDiscovery, UnknownServiceError } from 'fetchmesh';
import { serveJson } from './servers.js';

const instance = await serveJson({ name: 'Ada' });
const registryUrl = await serveJson({ users: [instance] });

// #region polling
const discovery = pollingDiscovery({
  name: 'our registry',
  ttlMs: 10_000,
  async lookup(service, { signal }) {
    const response = await fetch(registryUrl, { signal });
    if (!response.ok) throw new Error(`the registry answered ${response.status}`); // the last list goes on serving
    const lists = (await response.json()) as Record<string, string[]>;
    const instances = lists[service];
    if (instances === undefined) throw new UnknownServiceError(service, 'our registry');
    return instances; // or { instances, ttlMs } where the registry says for how long
  },
});
// #endregion

const mesh = createMesh({ discovery });
console.log(await (await mesh.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
await mesh.fetch('http://nobody/').catch((error) => console.log(error.code)); // -> ERR_MESH_UNKNOWN_SERVICE
await mesh.close();
