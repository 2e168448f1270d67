import { type Balancer, createMesh, type Endpoint, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const near = { url: await serve((_request, response) => response.end('near')), zone: 'eu-1a' };
const far = { url: await serve((_request, response) => response.end('far')), zone: 'eu-1b' };

// #region own-balancer
/** The endpoints of this zone in turn; where there is none to pick, any. Called for each attempt: it allocates nothing. */
const sameZone = (zone: string): Balancer => ({
  name: 'sameZone',
  build({ random }) {
    let turn = Math.floor(random.next() * 1_000);
    return {
      pick(view) {
        let any: Endpoint | undefined;
        for (let i = 0; i < view.count; i++) {
          any = view.bySlot[view.slots[(turn + i) % view.count] ?? -1];
          if (any?.instance.zone !== zone) continue;
          turn += i + 1;
          return any;
        }
        return any;
      },
    };
  },
});
// #endregion

const mesh = createMesh({ discovery: staticDiscovery({ users: [far, near] }), services: { users: { balancer: sameZone('eu-1a') } } });
console.log(await (await mesh.fetch('http://users/')).text()); // -> near
await mesh.close();
