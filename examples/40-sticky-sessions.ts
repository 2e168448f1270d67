import { createMesh, p2c, staticDiscovery, sticky } from 'fetchmesh';
import { serve } from './servers.js';

const carts = await Promise.all(['a', 'b', 'c', 'd'].map((name) => serve((_request, response) => response.end(name))));

// #region sticky
const mesh = createMesh({
  discovery: staticDiscovery({ carts }),
  services: {
    carts: { balancer: sticky(p2c(), { by: { cookie: 'session' }, idleMs: 600_000 }) },
  },
});
// #endregion

const answers = new Set<string>();
for (let i = 0; i < 20; i++) {
  const response = await mesh.fetch('http://carts/', { headers: { cookie: 'theme=dark; session=4711' } });
  answers.add(await response.text());
}
console.log(answers.size); // -> 1

const others = await Promise.all(
  Array.from({ length: 40 }, async (_, session) => {
    const response = await mesh.fetch('http://carts/', { headers: { cookie: `session=${session}` } });
    return response.text();
  }),
);
console.log(new Set(others).size > 1); // -> true
await mesh.close();
