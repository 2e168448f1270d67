import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from './eventually.js';
import { exchange } from './http-call.js';
import { type Kubernetes, startKubernetes } from './kubernetes.js';
import { assertProcessLife, assertStops } from './process-life.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

async function statusOf(kubernetes: Kubernetes, path: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await exchange(`${kubernetes.address}${path}`, { ca: kubernetes.certificates.ca, headers })).status;
}

describe('a real Kubernetes API server', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const kubernetes = await startKubernetes();
    test.after(() => kubernetes.stop());
    await assertProcessLife(kubernetes, {
      answers: () => exchange(`${kubernetes.address}/readyz`, { ca: kubernetes.certificates.ca, timeoutMs: 1_000 }),
      write: () => kubernetes.call(SLICES, { body: { metadata: { name: 'a' }, addressType: 'IPv4', endpoints: [], ports: [] } }),
      has: async () => ((await kubernetes.call(SLICES)) as { items: readonly unknown[] }).items.length === 1,
    });
    await assertStops(kubernetes);
  });

  it('knows administrators, users without rights, and service accounts whose tokens end', async (test) => {
    const kubernetes = await startKubernetes();
    test.after(() => kubernetes.stop());
    assert.equal(await statusOf(kubernetes, SLICES, kubernetes.adminToken), 200);
    assert.equal(await statusOf(kubernetes, SLICES, kubernetes.userToken), 403);
    assert.equal(await statusOf(kubernetes, SLICES, 'unknown'), 401);

    const account = { namespace: 'default', name: 'reader' };
    await kubernetes.createServiceAccount(account, [
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ]);
    const requested = await kubernetes.createToken(account, 600);
    await eventually('the role is in force', async () => (await statusOf(kubernetes, SLICES, requested)) === 200);
    assert.equal(await statusOf(kubernetes, '/api/v1/namespaces/default/services', requested), 403);

    const short = await kubernetes.createToken(account, 3);
    assert.equal(await statusOf(kubernetes, SLICES, short), 200);
    await eventually('the short token has ended', async () => (await statusOf(kubernetes, SLICES, short)) === 401);
  });

  it('accepts the client certificate of an administrator', async (test) => {
    const kubernetes = await startKubernetes();
    test.after(() => kubernetes.stop());
    const { ca, client } = kubernetes.certificates;
    const answer = await exchange(`${kubernetes.address}${SLICES}`, { ca, cert: client.cert, key: client.key });
    assert.equal(answer.status, 200);
  });
});
