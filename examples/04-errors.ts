import { createMesh, MeshError, standard, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const url = await serve((request) => request.socket.destroy());
const mesh = createMesh({
  discovery: staticDiscovery({ users: [{ id: 'users-1', url }] }),
  defaults: { policies: standard({ timeoutMs: 2_000, retry: { attempts: 2 } }) },
});

// #region errors
async function nameOf(id: string): Promise<string> {
  try {
    const response = await mesh.fetch(`http://users/users/${id}`);
    if (!response.ok) return `unknown (${response.status})`; // an answer is an answer, also a 503
    return String(await response.json());
  } catch (error) {
    if (!(error instanceof MeshError)) throw error; // an abort: the signal's own reason
    if (error.code === 'ERR_MESH_UNAVAILABLE') return `try again in ${error.retryAfterMs} ms`;
    const tries = error.attempts.map((attempt) => `${attempt.endpoint} ${attempt.verdict}`);
    return `${error.code} of ${error.service} after ${tries.join(', ')}`;
  }
}
// #endregion

console.log(await nameOf('42')); // -> ERR_MESH_LOST of users after users-1 retryable, users-1 retryable
await mesh.close();
