import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { base64, type Etcd, startEtcd } from './etcd.js';
import { eventually } from './eventually.js';
import { exchange } from './http-call.js';
import { assertProcessLife, assertStops } from './process-life.js';

async function put(etcd: Etcd, key: string): Promise<void> {
  await etcd.call('kv/put', { key: base64(key), value: base64('1') });
}

async function has(etcd: Etcd, key: string): Promise<boolean> {
  const { count } = (await etcd.call('kv/range', { key: base64(key) })) as { count?: string };
  return count === '1';
}

describe('a real etcd', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const etcd = await startEtcd();
    test.after(() => etcd.stop());
    await assertProcessLife(etcd.server, {
      answers: () => exchange(`${etcd.server.address}/health`, { timeoutMs: 1_000 }),
      write: () => put(etcd, 'a'),
      has: () => has(etcd, 'a'),
    });
    await assertStops(etcd.server, () => etcd.stop());
  });

  it('asks for the password, also after it has restarted empty', async (test) => {
    const etcd = await startEtcd({ auth: { rootPassword: 'secret' } });
    test.after(() => etcd.stop());
    const anonymous = () => exchange(`${etcd.server.address}/v3/kv/range`, { body: { key: base64('a') } });
    assert.equal((await anonymous()).status, 400);
    await put(etcd, 'a');
    await etcd.server.restart({ empty: true });
    assert.equal((await anonymous()).status, 400);
    assert.equal(await has(etcd, 'a'), false);
  });

  it('speaks TLS, and refuses a client without a certificate where it asks for one', async (test) => {
    const etcd = await startEtcd({ tls: 'mutual' });
    test.after(() => etcd.stop());
    await put(etcd, 'a');
    assert.ok(etcd.certificates !== undefined && existsSync(etcd.certificates.caFile));
    await assert.rejects(exchange(`${etcd.server.address}/health`, { ca: etcd.certificates.ca }));
  });

  it('has another leader after the loss of one', async (test) => {
    const etcd = await startEtcd({ members: 3 });
    test.after(() => etcd.stop());
    await put(etcd, 'a');
    const first = await etcd.leader();
    await first.kill();
    await eventually('another member leads', async () => (await etcd.leader()) !== first);
    await put(etcd, 'b');
    await first.restart();
    assert.ok(await has(etcd, 'b'));
    await etcd.restart({ empty: true });
    assert.equal(await has(etcd, 'a'), false);
  });
});
