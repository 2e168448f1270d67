import { createMesh, standard, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const waiting: (() => void)[] = [];
const url = await serve((_request, response) => {
  waiting.push(() => response.end('drawn'));
  if (waiting.length === 2) for (const answer of waiting.splice(0)) answer();
});

// #region bulkhead
const mesh = createMesh({
  discovery: staticDiscovery({ renderers: [url] }),
  services: {
    renderers: {
      policies: standard({
        bulkhead: { concurrency: 100, queue: 2, queueTimeoutMs: 500 }, // calls of the service
        endpointConcurrency: 2, // requests to one endpoint: the others wait above the balancer
      }),
    },
  },
});
// #endregion

const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => mesh.fetch('http://renderers/')));
console.log(outcomes.filter(({ status }) => status === 'fulfilled').length); // -> 4
for (const outcome of outcomes) if (outcome.status === 'rejected') console.log(outcome.reason.code); // -> ERR_MESH_QUEUE_FULL
await mesh.close();
