import { byLocality, createMesh, p2c, staticDiscovery, subset } from 'fetchmesh';
import { serve } from './servers.js';

const urls = await Promise.all(Array.from({ length: 8 }, (_, index) => serve((_request, response) => response.end(`server ${index}`))));
const instanceOf = (index: number, zone: string, environment: string) => ({
  url: urls[index] ?? '',
  zone,
  metadata: { environment },
});

// #region locality
const mesh = createMesh({
  discovery: staticDiscovery({
    users: [
      ...[0, 1, 2].map((index) => instanceOf(index, 'eu-west-1a', 'production')),
      ...[3, 4, 5].map((index) => instanceOf(index, 'eu-west-1b', 'production')),
      ...[6, 7].map((index) => instanceOf(index, 'eu-west-1a', 'staging')),
    ],
  }),
  defaults: { balancer: byLocality(p2c(), { zone: 'eu-west-1a', environment: 'production' }) },
});
// #endregion

for (let i = 0; i < 30; i++) await mesh.fetch('http://users/');
const { endpoints = [] } = mesh.inspect().services.users ?? {};
console.log(endpoints.map(({ requests }) => (requests > 0 ? 'yes' : 'no')).join(' ')); // -> yes yes yes no no no no no
await mesh.close();

// #region subset
const frugal = createMesh({
  discovery: staticDiscovery({ users: urls }),
  defaults: { balancer: subset(p2c(), { size: 3, name: 'checkout-1' }) }, // its hostname, say: the same after a restart
});
// #endregion

for (let i = 0; i < 30; i++) await frugal.fetch('http://users/');
console.log(frugal.inspect().services.users?.endpoints.filter(({ requests }) => requests > 0).length); // -> 3
await frugal.close();
