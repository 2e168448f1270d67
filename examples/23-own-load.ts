import { createMesh, LOAD, LOAD_STAMP, type Load, p2c, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

// #region own-load
/** The last latency, as long as it is not too old. What it knows of an endpoint stands in the endpoint's two cells. */
const lastLatency = (believedForMs: number): Load => ({
  name: 'lastLatency',
  build: () => ({
    cost(cells, cell, inFlight, nowMs) {
      const isFresh = nowMs - (cells[cell + LOAD_STAMP] ?? 0) < believedForMs;
      return (isFresh ? (cells[cell + LOAD] ?? 0) : 0) * (inFlight + 1);
    },
    settle(cells, cell, _endpoint, verdict, latencyMs, nowMs) {
      if (verdict === 'ignored') return;
      cells[cell + LOAD] = verdict === 'success' ? latencyMs : 5_000; // who fails fast must not look fast
      cells[cell + LOAD_STAMP] = nowMs;
    },
  }),
});
// #endregion

const well = { id: 'well', url: await serveJson({}) };
const failing = { id: 'failing', url: await serveJson({}, 500) };
const mesh = createMesh({
  discovery: staticDiscovery({ users: [well, failing] }),
  services: { users: { balancer: p2c({ load: lastLatency(60_000) }) } },
});
for (let i = 0; i < 20; i++) await mesh.fetch('http://users/');
console.log(mesh.inspect().services.users?.endpoints.map(({ id, failures }) => `${id} ${failures}`)); // -> [ 'well 0', 'failing 1' ]
await mesh.close();
