import { createMesh, standard, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const well = { id: 'users-1', url: await serveJson({ name: 'Ada' }) };
const failing = { id: 'users-2', url: await serveJson({}, 503) };
const mesh = createMesh({
  discovery: staticDiscovery({ users: [well, failing] }),
  defaults: { policies: standard({ circuitBreaker: { consecutiveFailures: 1 } }) },
});

// #region events
mesh.on('breakerOpened', ({ service, endpoint }) => {
  console.log(`${service}: ${endpoint} is left alone for a while`); // -> users: users-2 is left alone for a while
});
mesh.on('retry', ({ method, path, attempt, failed }) => {
  console.log(`${method} ${path}: attempt ${attempt} at ${failed.endpoint} got ${failed.status}`); // -> GET /42: attempt 1 at users-2 got 503
});
// #endregion

for (let i = 0; i < 10; i++) await mesh.fetch('http://users/42');

// #region inspect
for (const { id, state, requests, failures } of mesh.inspect().services.users?.endpoints ?? []) {
  console.log(`${id} is ${state}: ${failures > 0 ? 'has failed' : 'is well'}, used: ${requests > 0}`);
}
// #endregion
// -> users-1 is ready: is well, used: true
// -> users-2 is ejected: has failed, used: true
await mesh.close();
