import assert from 'node:assert/strict';
import { createServer, get } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { prequal } from '../../src/balancing/prequal/prequal.js';
import { createMesh, type Mesh, staticDiscovery } from '../../src/index.js';
import { loadReports } from '../../src/load-reports/load-reports.js';
import { listening } from '../load-reports/served.js';
import { until } from '../support/replicas.js';
import { childScript, node } from './support/child.js';

interface Served {
  readonly url: string;
  readonly port: number;
  /** Paths of the requests that its application has seen. */
  readonly seen: string[];
}

/** A server that answers what `/held` asks for only at the end of the test. */
async function serve(t: TestContext, isReporting = true): Promise<Served> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    if (request.url !== '/held') response.writeHead(request.url === '/' ? 200 : 404).end('ok');
  });
  if (isReporting) loadReports().attach(server);
  const port = await listening(t, server);
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

async function ask(mesh: Mesh, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const response = await mesh.fetch('http://users/');
    assert.equal(response.status, 200);
    await response.text();
  }
}

describe('prequal over real connections', () => {
  test('stays away from servers that are busy with others’ requests', async (t) => {
    const servers = await Promise.all(Array.from({ length: 6 }, () => serve(t)));
    const busy = servers.slice(0, 3);
    // Twenty requests each, which no mesh knows of.
    for (const { port } of busy)
      for (let i = 0; i < 20; i++) get({ port, host: '127.0.0.1', path: '/held', agent: false }).on('error', () => {});
    await until(() => busy.every(({ seen }) => seen.length === 20), 'they are busy');
    const mesh = createMesh({
      discovery: staticDiscovery({ users: servers.map(({ url }) => url) }),
      defaults: { balancer: prequal({ probeTimeoutMs: 20_000 }) },
    });
    t.after(() => mesh.close());
    await ask(mesh, 30);
    for (const { seen } of servers) seen.length = 0;
    await ask(mesh, 200);
    const toBusy = busy.reduce((sum, { seen }) => sum + seen.length, 0);
    // By chance, half of them.
    assert.ok(toBusy <= 10, `${toBusy} of 200`);
    const inquiries = mesh.inspect().services.users?.inquiries;
    assert.ok(inquiries !== undefined && inquiries.asked >= 150, JSON.stringify(inquiries));
    assert.equal(inquiries.failed + inquiries.timedOut, 0);
    for (const { seen } of servers)
      assert.ok(
        seen.every((path) => path === '/'),
        `${seen}`,
      );
  });

  test('sends to servers that know no probes as well, and does not keep asking them', async (t) => {
    const servers = await Promise.all([serve(t), serve(t), serve(t, false), serve(t, false)]);
    const mesh = createMesh({
      discovery: staticDiscovery({ users: servers.map(({ url }) => url) }),
      defaults: { balancer: prequal({ probeTimeoutMs: 20_000 }) },
    });
    t.after(() => mesh.close());
    await ask(mesh, 400);
    const requests = servers.map(({ seen }) => seen.filter((path) => path === '/').length);
    // Who reports gets what is left, and of these the faster one most: a quarter for each silent one.
    assert.ok((requests[2] ?? 0) >= 60 && (requests[3] ?? 0) >= 60, `${requests}`);
    assert.ok((requests[0] ?? 0) + (requests[1] ?? 0) >= 140, `${requests}`);
    const others = servers.map(({ seen }, index) => seen.length - (requests[index] ?? 0));
    assert.deepEqual(others, [0, 0, 1, 1]);
  });

  test('leaves no connection and no timer when the mesh is closed, also in the middle of probes', async (t) => {
    const servers = await Promise.all([serve(t), serve(t), serve(t)]);
    const mesh = createMesh({
      discovery: staticDiscovery({ users: servers.map(({ url }) => url) }),
      defaults: { balancer: prequal({ probesPerRequest: 10, probeTimeoutMs: 20_000 }) },
    });
    await ask(mesh, 5);
    const last = mesh.fetch('http://users/');
    await Promise.all([last.then((response) => response.text()), mesh.close()]);
    const inquiries = mesh.inspect().services.users?.inquiries;
    assert.equal(inquiries?.inFlight ?? 0, 0);
  });

  test('does not keep a process alive', async (t) => {
    const servers = await Promise.all([serve(t), serve(t), serve(t)]);
    const { code, stdout, stderr } = await node([childScript('prequal-idle'), ...servers.map(({ url }) => url)], 20_000);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'done\n');
  });
});
