import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announcedAndCalled, runExample } from '../support/run-example.js';
import { startEtcd } from './under-test.js';

describe('the example for etcd', () => {
  it('runs, says what happens, ends by itself and leaves nothing in etcd', async (test) => {
    const registry = await startEtcd();
    test.after(() => registry.stop());
    assert.deepEqual(await runExample('etcd', [registry.server.address]), announcedAndCalled('etcd'));
    const { kvs } = (await (
      await fetch(`${registry.server.address}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: 'AA==', range_end: 'AA==' }) })
    ).json()) as { kvs?: unknown[] };
    assert.deepEqual(kvs ?? [], []);
  });
});
