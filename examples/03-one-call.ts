import { createMesh, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const [first, second] = await Promise.all(
  ['a', 'b'].map(async (id) => ({ id, url: await serve((_request, response) => response.end(id)) })),
);
if (first === undefined || second === undefined) throw new Error('there are two');
const mesh = createMesh({ discovery: staticDiscovery({ users: [first, second] }) });

// #region one-call
const response = await mesh.fetch('http://users/users/42', {
  headers: { accept: 'text/plain' },
  signal: AbortSignal.timeout(10_000),
  mesh: {
    timeoutMs: 2_000, // the whole call, up to the headers
    attemptTimeoutMs: 500, // one try
    retry: false, // a policy by its name: leave it out
    endpoint: 'b', // for debugging: this endpoint and no other
  },
});
// #endregion
console.log(await response.text()); // -> b

// #region misspelt
try {
  await mesh.fetch('http://users/users/42', { mesh: { rety: false } });
} catch (error) {
  console.log(`${error}`); // -> MeshError: users: mesh.rety must be the name of a policy in its stack (timeout, bulkhead, retry, circuitBreaker), got false
}
// #endregion
await mesh.close();
