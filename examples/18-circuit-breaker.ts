import { bulkhead, circuitBreaker, createMesh, retry, standard, staticDiscovery, timeout } from 'fetchmesh';
import { serveJson } from './servers.js';

const discovery = staticDiscovery({ search: [await serveJson({}, 500)], mail: [await serveJson({}, 500)] });
const mesh = createMesh({
  discovery,
  services: {
    // #region endpoint
    search: {
      policies: standard({
        circuitBreaker: { failureRatio: 0.3, minimumRequests: 20, consecutiveFailures: 3, openMs: 2_000, halfOpenTrials: 2 },
      }),
    },
    // #endregion
    // #region service
    mail: {
      policies: {
        // Around the whole service, for a backend that fails as one: a database behind every instance.
        perCall: [timeout({ timeoutMs: 2_000 }), bulkhead({ concurrency: 50 }), circuitBreaker({ consecutiveFailures: 2 }), retry()],
      },
    },
    // #endregion
  },
});

for (let i = 0; i < 3; i++) await mesh.fetch('http://search/');
await mesh.fetch('http://search/').catch(({ code, retryAfterMs }) => console.log(code, retryAfterMs < 2_200)); // -> ERR_MESH_UNAVAILABLE true

for (let i = 0; i < 2; i++) await mesh.fetch('http://mail/', { method: 'POST' });
await mesh.fetch('http://mail/', { method: 'POST' }).catch(({ code }) => console.log(code)); // -> ERR_MESH_CIRCUIT_OPEN
await mesh.close();
