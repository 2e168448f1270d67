import { type Balancer, p2c, roundRobin } from 'fetchmesh';
import { at, exponential, poisson, simulate } from 'fetchmesh/testing';

// #region simulation
const experiment = (balancer: Balancer) =>
  simulate({
    endpoints: [{ name: 'users', count: 10, serviceMs: exponential(10) }],
    arrivals: poisson(800), // of the 1,000 a second that ten endpoints can do
    durationMs: 60_000,
    warmUpMs: 5_000,
    mesh: { defaults: { balancer } },
    events: [at(30_000, ({ endpoint }) => endpoint('users-1').setSpeed(0.1))], // a tenth as fast from then on
    seed: 7,
  });

const inTurn = await experiment(roundRobin());
const ofTwo = await experiment(p2c());
console.log(inTurn.latency.p999Ms > 20 * ofTwo.latency.p999Ms); // -> true
console.log((await experiment(p2c())).hash === ofTwo.hash); // -> true
// #endregion
