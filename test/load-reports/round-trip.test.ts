import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { LoadReport } from '../../src/balancing/load-reports/load-report.js';
import { readLoadReport } from '../../src/balancing/load-reports/read-load-report.js';
import { weightedRoundRobin } from '../../src/balancing/load-reports/weighted-round-robin.js';
import type { Balancer } from '../../src/core/picker.js';
import { staticDiscovery } from '../../src/discovery/static.js';
import { loadReports } from '../../src/load-reports/load-reports.js';
import { createMesh } from '../../src/mesh.js';
import { said } from '../balancing/load-reports/reports.js';
import { Held } from '../support/held.js';
import { listening } from './served.js';

test('a mesh reads what a server reports, over a real connection', async (t) => {
  const held = new Held();
  const server = createServer((request, response) => {
    if (request.url === '/held') void held.wait().then(() => response.end('held'));
    else response.end('ok');
  });
  loadReports().attach(server);
  const port = await listening(t, server);
  const seen: ReturnType<typeof said>[] = [];
  const noting: Balancer = {
    name: 'noting',
    build(scope) {
      const inner = weightedRoundRobin().build(scope);
      const report = new LoadReport();
      return {
        pick: (view, call, nowMs) => inner.pick(view, call, nowMs),
        settle(endpoint, verdict, latencyMs, call, nowMs, reply) {
          if (reply !== undefined && readLoadReport(reply, report)) seen.push(said(report));
          inner.settle?.(endpoint, verdict, latencyMs, call, nowMs, reply);
        },
        close: () => inner.close?.(),
      };
    },
  };
  const mesh = createMesh({ discovery: staticDiscovery({ users: [`http://127.0.0.1:${port}`] }), defaults: { balancer: noting } });
  t.after(() => mesh.close());
  const slow = mesh.fetch('http://users/held');
  await held.begun;
  assert.equal(await (await mesh.fetch('http://users/')).text(), 'ok');
  assert.equal(seen[0]?.requestsInFlight, 1);
  held.letGo();
  assert.equal(await (await slow).text(), 'held');
  assert.equal(seen[1]?.requestsInFlight, 0);
  assert.ok((seen[1]?.serviceMs ?? -1) >= 0);
});
