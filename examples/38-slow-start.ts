import { createMesh, p2c, roundRobin, slowStart, staticDiscovery } from 'fetchmesh';
import { at, exponential, poisson, simulate } from 'fetchmesh/testing';
import { serve } from './servers.js';

const users = await serve((_request, response) => response.end('hello'));

// #region slow-start
const mesh = createMesh({
  discovery: staticDiscovery({ users: [users] }),
  defaults: { balancer: slowStart(p2c(), { windowMs: 60_000 }) }, // from 10 % of its weight to all of it, in a minute
});
// #endregion

console.log(await (await mesh.fetch('http://users/')).text()); // -> hello
console.log(mesh.inspect().services.users?.balancer); // -> slowStart(p2c)
await mesh.close();

// #region simulation
/** A process that works at a tenth of its speed when it starts joins ten warm ones. */
const deployment = (balancer = roundRobin()) =>
  simulate({
    endpoints: [{ name: 'users', count: 10, serviceMs: exponential(10) }],
    arrivals: poisson(700),
    warmUpMs: 5_000,
    durationMs: 25_000,
    mesh: { defaults: { balancer } },
    events: [at(5_000, ({ add }) => add({ name: 'cold', serviceMs: exponential(10), coldStart: { speed: 0.1, forMs: 10_000 } }))],
    seed: 1,
  });

const plain = await deployment();
const ramped = await deployment(slowStart(roundRobin(), { windowMs: 20_000 }));
console.log(ramped.latency.p99Ms < plain.latency.p99Ms / 10); // -> true
// #endregion
