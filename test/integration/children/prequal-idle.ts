import { prequal } from '../../../src/balancing/prequal/prequal.js';
import { createMesh, staticDiscovery } from '../../../src/index.js';

/** Sends a few requests by probes and does nothing more, without closing anything: reports are kept fresh for ten minutes. */
const discovery = staticDiscovery({ users: process.argv.slice(2) });
const mesh = createMesh({ discovery, defaults: { balancer: prequal({ idleProbingMs: 600_000 }) } });
for (let i = 0; i < 5; i++) await (await mesh.fetch('http://users/')).text();
console.log('done');
