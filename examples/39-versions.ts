import { byMetadata, createMesh, p2c, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const urls = await Promise.all(['v1', 'v1', 'v2'].map((version) => serve((_request, response) => response.end(version))));
const [first = '', second = '', third = ''] = urls;

// #region versions
const mesh = createMesh({
  discovery: staticDiscovery({
    users: [
      { url: first, metadata: { version: 'v1' } },
      { url: second, metadata: { version: 'v1' } },
      { url: third, metadata: { version: 'v2' } },
    ],
  }),
  defaults: {
    balancer: byMetadata(p2c(), {
      by: { version: { header: 'x-version' } }, // a request with this header goes to that version
      fallback: { version: 'v1' }, // one without it, or for a version that nobody has, goes here
    }),
  },
});
// #endregion

const answerTo = async (headers: Record<string, string>) => (await mesh.fetch('http://users/', { headers })).text();
console.log(await answerTo({ 'x-version': 'v2' })); // -> v2
console.log(await answerTo({ 'x-version': 'v3' })); // -> v1
console.log(await answerTo({})); // -> v1
await mesh.close();
