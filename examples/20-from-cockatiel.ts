import { circuitBreaker, handleWhen, SamplingBreaker } from 'cockatiel';
import { createMesh, FailedReply, fromCockatiel, MeshError, staticDiscovery, without } from 'fetchmesh';
import { serveJson } from './servers.js';

const discovery = staticDiscovery({ users: [await serveJson({ name: 'Ada' })] });

// #region from-cockatiel
/** Called once for each endpoint: a breaker that two endpoints share would open for both. */
const makeBreaker = () =>
  circuitBreaker(
    handleWhen((error) => error instanceof FailedReply || error instanceof MeshError), // and not a caller's abort
    { halfOpenAfter: 5_000, breaker: new SamplingBreaker({ threshold: 0.2, duration: 30_000, minimumRps: 1 }) },
  );

const mesh = createMesh({
  discovery,
  services: {
    users: { policies: { perEndpoint: [without('circuitBreaker'), fromCockatiel(makeBreaker, { name: 'sampling' })] } },
  },
});
// #endregion

console.log((await mesh.fetch('http://users/')).status); // -> 200
console.log(mesh.inspect().services.users?.policies.perEndpoint); // -> [ 'sampling' ]
await mesh.close();
