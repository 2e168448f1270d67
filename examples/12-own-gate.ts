import { createMesh, gatePolicy, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const limited = { id: 'limited', url: await serve((_request, response) => response.end('limited')) };
const other = { id: 'other', url: await serve((_request, response) => response.end('other')) };

// #region own-gate
/** An endpoint gets so many requests a second; while it has had them, the balancer goes elsewhere. */
const requestsPerSecond = (most: number) =>
  gatePolicy('requestsPerSecond', (shutter, { clock }) => {
    let begun = 0;
    const timer = () =>
      clock.setTimer(() => {
        begun = 0;
        shutter.open();
      }, 1_000);
    let window: ReturnType<typeof timer> | undefined;
    return {
      begin(_call, nowMs) {
        if (begun === 0) {
          window = timer();
          window.unref();
        }
        if (++begun === most) shutter.shut('busy', nowMs + 1_000);
      },
      dispose: () => window?.cancel(),
      inspect: () => ({ begun, most }),
    };
  });
// #endregion

const mesh = createMesh({
  discovery: staticDiscovery({ users: [limited, other] }),
  services: { users: { policies: { perEndpoint: [requestsPerSecond(3)] } } },
});
const answers = await Promise.all(Array.from({ length: 10 }, async () => (await mesh.fetch('http://users/')).text()));
console.log(answers.filter((answer) => answer === 'limited').length); // -> 3
console.log(answers.filter((answer) => answer === 'other').length); // -> 7
await mesh.close();
