import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Discovery } from '../../../src/core/discovery.js';
import { kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { RecordingSink, temporaryFolder, until } from '../../discovery/recording-sink.js';
import { TestHost } from '../../discovery/scripted-source.js';
import { ScriptedApiServer } from './scripted-api-server.js';
import { endpoint, slice } from './slices.js';

/** A source on a server that a user of a kubeconfig asks. */
async function sourceOf(test: TestContext, user: object): Promise<{ readonly server: ScriptedApiServer; readonly discovery: Discovery }> {
  const server = await ScriptedApiServer.start(test);
  const kubeconfig = join(temporaryFolder(test), 'config');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'main',
      contexts: [{ name: 'main', context: { cluster: 'it', user: 'me' } }],
      // A path, as where one address leads to many clusters.
      clusters: [{ name: 'it', cluster: { server: `${server.address}/clusters/7/` } }],
      users: [{ name: 'me', user }],
    }),
  );
  const discovery = kubernetesDiscovery({ kubeconfig });
  test.after(() => discovery.close?.());
  return { server, discovery };
}

/** The first request that a user of a kubeconfig makes. */
async function firstRequestOf(test: TestContext, user: object) {
  const { server, discovery } = await sourceOf(test, user);
  const sink = new RecordingSink();
  const stop = discovery.watch('users', sink, new TestHost(new VirtualClock()));
  test.after(stop);
  const asked = await server.next();
  asked.list('1', [slice('a', [endpoint('10.0.0.1', 'u1')])]);
  await until(() => sink.list.size === 1, 'the list');
  return asked.request;
}

describe('a kubeconfig', () => {
  it('may lead to a server without TLS, and below a path', async (test) => {
    const { url } = await firstRequestOf(test, { token: 'secret\n' });
    assert.match(url ?? '', /^\/clusters\/7\/apis\/discovery\.k8s\.io\/v1\/namespaces\/default\/endpointslices\?/);
  });

  it('may have a token, a name and a password, or act for somebody else', async (test) => {
    assert.equal((await firstRequestOf(test, { token: 'secret\n' })).headers.authorization, 'Bearer secret');
    const basic = await firstRequestOf(test, { username: 'me', password: 'pass' });
    assert.equal(basic.headers.authorization, `Basic ${Buffer.from('me:pass').toString('base64')}`);
    assert.equal((await firstRequestOf(test, { token: 'secret', as: 'somebody' })).headers['impersonate-user'], 'somebody');
  });

  it('runs an exec plugin once for watches that begin together', async (test) => {
    const runs = join(temporaryFolder(test), 'runs');
    const credential = { kind: 'ExecCredential', status: { token: 'secret', expirationTimestamp: '2999-01-01T00:00:00Z' } };
    const script = `require('fs').appendFileSync('${runs}', 'x'); console.log('${JSON.stringify(credential)}')`;
    const { server, discovery } = await sourceOf(test, { exec: { command: process.execPath, args: ['-e', script] } });
    const host = new TestHost(new VirtualClock());
    const stops = ['a', 'b', 'c'].map((service) => discovery.watch(service, new RecordingSink(), host));
    test.after(() => stops.forEach((stop) => void stop()));
    for (const _ of stops) assert.equal((await server.next()).request.headers.authorization, 'Bearer secret');
    assert.equal(readFileSync(runs, 'utf8'), 'x');
  });

  it('does not wait without end for an exec plugin', async (test) => {
    const { discovery } = await sourceOf(test, { exec: { command: process.execPath, args: ['-e', 'setTimeout(() => {}, 5_000)'] } });
    const clock = new VirtualClock();
    const sink = new RecordingSink();
    test.after(discovery.watch('users', sink, new TestHost(clock)));
    await until(() => clock.pendingTimers > 0, 'the plugin');
    await clock.advance(60_000);
    await until(() => sink.said.length > 0, 'the failure');
    assert.match(String(sink.said[0]?.error), /its exec plugin gave no credentials within 60000 ms/);
  });
});
