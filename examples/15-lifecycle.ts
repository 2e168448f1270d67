import { createMesh, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const discovery = staticDiscovery({ users: [await serveJson({ name: 'Ada' })] });

// #region ready
const mesh = createMesh({ discovery });
await mesh.ready(['users'], { timeoutMs: 5_000, minEndpoints: 1 }); // before the first request, or in a readiness probe
// #endregion

// #region close
process.once('SIGTERM', async () => {
  // New calls are refused; those under way have ten seconds. Announcements are taken back first.
  await mesh.close({ graceMs: 10_000 });
});
// #endregion

process.kill(process.pid, 'SIGTERM');
const underWay = mesh.fetch('http://users/users/42');
console.log((await underWay).status); // -> 200
await mesh.close();
await mesh.fetch('http://users/').catch((error) => console.log(error.code)); // -> ERR_MESH_CLOSED

// #region using
{
  await using short = createMesh({ discovery });
  console.log((await short.fetch('http://users/')).status); // -> 200
}
// #endregion
