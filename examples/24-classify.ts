import { createMesh, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

let received = 0;
const url = await serve((_request, response) => {
  if (++received === 1) response.writeHead(500, { 'x-reason': 'overloaded' });
  response.end('done');
});

// #region classify
const mesh = createMesh({
  discovery: staticDiscovery({ legacy: [url] }),
  services: {
    legacy: {
      /** Asked first, for each attempt. What it decides is what retry, breaker, balancer and numbers go by. */
      classify({ reply }) {
        if (reply?.status === 500 && reply.header('x-reason') === 'overloaded') return 'retryable';
        if (reply?.status === 404 && reply.header('x-reason') === 'shard missing') return 'failure';
        return undefined; // as usual
      },
    },
  },
});
// #endregion

console.log(await (await mesh.fetch('http://legacy/')).text(), received); // -> done 2
await mesh.close();
