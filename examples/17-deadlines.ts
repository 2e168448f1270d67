import { createMesh, standard, staticDiscovery, TimeoutError } from 'fetchmesh';
import { serve } from './servers.js';

const slow = await serve((request, response) => {
  if (request.url === '/left') response.end(`${Number(request.headers['x-time-left-ms']) <= 400}`);
});

// #region times
const mesh = createMesh({
  discovery: staticDiscovery({ reports: [slow] }),
  services: {
    reports: {
      policies: standard({
        timeoutMs: 1_000, // the call, from its start to the headers: queue, retries and waits in between included
        attemptTimeoutMs: 400, // one try, to its headers
        bodyIdleTimeoutMs: 5_000, // between two bytes of the body: a stream lives for as long as it flows
        deadlineHeader: 'x-time-left-ms', // tells the server how long it is still worth while
      }),
    },
  },
});
// #endregion

console.log(await (await mesh.fetch('http://reports/left')).text()); // -> true

// #region deadline
try {
  const deadlineMs = Date.now() + 200; // or what is left of the request that this one serves
  await (await mesh.fetch('http://reports/yearly', { mesh: { deadlineMs } })).text();
} catch (error) {
  if (error instanceof TimeoutError) console.log(error.code); // -> ERR_MESH_DEADLINE
}
// #endregion
await mesh.close();
