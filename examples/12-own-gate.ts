import { createMesh, gatePolicy, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const url = await serve((_request, response) => response.end('small'));
const small = { url, metadata: { requestsPerSecond: '3' } };
const large = { url: await serve((_request, response) => response.end('large')) };

// #region own-gate
/** An endpoint gets as many requests a second as it says of itself; after those, the balancer goes elsewhere. */
const requestsPerSecond = gatePolicy('requestsPerSecond', (shutter, { clock, endpoint }) => {
  const most = Number(endpoint.instance.metadata.requestsPerSecond ?? Number.POSITIVE_INFINITY);
  let begun = 0;
  const nextSecond = () => {
    begun = 0;
    shutter.open();
  };
  let timer: ReturnType<typeof clock.setTimer> | undefined;
  return {
    begin(_call, nowMs) {
      if (begun === 0) {
        timer = clock.setTimer(nextSecond, 1_000);
        timer.unref(); // it must not keep the process alive
      }
      if (++begun === most) shutter.shut('busy', nowMs + 1_000);
    },
    dispose: () => timer?.cancel(),
    inspect: () => ({ begun, most }), // shown by mesh.inspect()
  };
});
// #endregion

const mesh = createMesh({
  discovery: staticDiscovery({ users: [small, large] }),
  services: { users: { policies: { perEndpoint: [requestsPerSecond] } } },
});
const answers = await Promise.all(Array.from({ length: 10 }, async () => (await mesh.fetch('http://users/')).text()));
console.log(answers.filter((answer) => answer === 'small').length); // -> 3
console.log(answers.filter((answer) => answer === 'large').length); // -> 7
await mesh.close();
