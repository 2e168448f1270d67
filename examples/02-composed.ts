import { ConsecutiveBreaker, circuitBreaker as cockatielBreaker, handleAll } from 'cockatiel';
import type { Policy } from 'fetchmesh';
import {
  adaptive,
  bulkhead,
  circuitBreaker,
  createMesh,
  fromCockatiel,
  leastRequest,
  retry,
  standard,
  staticDiscovery,
  timeout,
} from 'fetchmesh';
import { serveJson } from './servers.js';

const discovery = staticDiscovery({
  users: [await serveJson({ name: 'Ada' })],
  billing: [await serveJson({ total: 42 })],
});
const signed: Policy = function signed(next) {
  return (call) => {
    call.setHeader('x-signature', 'secret');
    return next(call);
  };
};
const policy = () => cockatielBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });

// #region composed
const mesh = createMesh({
  discovery,
  defaults: {
    balancer: adaptive(),
    policies: standard({ timeoutMs: 5_000, retry: { attempts: 3 }, bulkhead: { concurrency: 200, queue: 400 } }),
  },
  services: {
    users: { balancer: leastRequest() },
    billing: {
      policies: {
        perCall: [signed, timeout({ timeoutMs: 2_000 }), bulkhead({ queue: 100 }), retry({ attempts: 2, budgetRatio: 0.1 })],
        perAttempt: [timeout({ timeoutMs: 500 })],
        perEndpoint: [circuitBreaker({ failureRatio: 0.5 }), bulkhead({ concurrency: 20 }), fromCockatiel(policy)],
      },
    },
  },
});
// #endregion

console.log(await (await mesh.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
console.log(await (await mesh.fetch('http://billing/total')).json()); // -> { total: 42 }
console.log(mesh.inspect().services.billing?.policies.perCall.join(' ')); // -> signed timeout bulkhead retry
await mesh.close();
