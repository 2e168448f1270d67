import { createMesh, maglev, ringHash, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const profiles = await Promise.all(['a', 'b', 'c'].map((name) => serve((_request, response) => response.end(name))));
const tiles = await Promise.all(['d', 'e', 'f'].map((name) => serve((_request, response) => response.end(name))));

// #region affinity
const mesh = createMesh({
  discovery: staticDiscovery({ profiles, tiles }),
  services: {
    profiles: { balancer: maglev({ by: { header: 'x-user' } }) }, // the requests of a user meet the same cache
    tiles: { balancer: ringHash({ by: { pathPart: 2 }, loadBound: 2 }) }, // /tiles/6-33-21/image and /tiles/6-33-21/legend
  },
});
// #endregion

async function endpointsFor(urls: readonly string[], user: string): Promise<number> {
  const answers = await Promise.all(
    urls.map((url) => mesh.fetch(url, { headers: { 'x-user': user } }).then((response) => response.text())),
  );
  return new Set(answers).size;
}

for (let i = 0; i < 20; i++) await mesh.fetch('http://profiles/', { headers: { 'x-user': 'Ada' } });
const used = mesh.inspect().services.profiles?.endpoints.filter(({ requests }) => requests > 0);
console.log(used?.map(({ requests }) => requests)); // -> [ 20 ]

const image = await (await mesh.fetch('http://tiles/tiles/6-33-21/image')).text();
const legend = await (await mesh.fetch('http://tiles/tiles/6-33-21/legend')).text();
console.log(image === legend); // -> true

// Nine at once are more than one of three endpoints may have.
console.log(
  (await endpointsFor(
    Array.from({ length: 9 }, () => 'http://profiles/'),
    'Ada',
  )) > 1,
); // -> true
await mesh.close();
