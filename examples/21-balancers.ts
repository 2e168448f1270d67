import { adaptive, createMesh, leastRequest, p2c, peakEwma, pendingRequests, random, roundRobin, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const url = await serveJson({});
const other = await serveJson({});

// #region balancers
const mesh = createMesh({
  discovery: staticDiscovery({
    users: [{ url, weight: 3 }, { url: other }], // three requests of four, at any load
    search: [url, { url: other, priority: 1 }], // the second one only while the first cannot be picked
    renderers: [url, other],
    reports: [url, other],
    samples: [url, other],
  }),
  defaults: { balancer: adaptive() }, // the default: by the servers' load reports, or else by latency and what is in flight
  services: {
    search: { balancer: p2c({ load: peakEwma({ decayMs: 5_000 }) }) },
    renderers: { balancer: leastRequest({ choices: 3 }) },
    reports: { balancer: p2c({ load: pendingRequests() }) },
    samples: { balancer: random() },
    mail: { balancer: roundRobin() },
  },
});
// #endregion

for (let i = 0; i < 400; i++) await mesh.fetch('http://users/');
const [first, second] = mesh.inspect().services.users?.endpoints ?? [];
console.log(Math.round((first?.requests ?? 0) / 100) + Math.round((second?.requests ?? 0) / 100)); // -> 4
await mesh.close();
