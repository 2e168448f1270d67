import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEtcd } from './under-test.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/registries/etcd.js', import.meta.url));

describe('the example for etcd', () => {
  it('runs, says what happens, ends by itself and leaves nothing in etcd', async (test) => {
    const registry = await startEtcd();
    test.after(() => registry.stop());
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [EXAMPLE, registry.server.address], { timeout: 30_000 });
    assert.equal(stderr, '');
    const lines = stdout.trim().split('\n');
    assert.match(lines[0] ?? '', /^two instances of greeter-\d+ are announced in etcd at http/);
    assert.deepEqual(lines.slice(1), [
      'answers of both: one, two',
      'killing one, which has no time to say so',
      'calls go on, although it is still in etcd',
      'its key is gone: the mesh knows the other one alone',
    ]);
    const service = /greeter-\d+/.exec(stdout)?.[0] ?? '';
    assert.deepEqual(await registry.entries(service), []);
  });
});
