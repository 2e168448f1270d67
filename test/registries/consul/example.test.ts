import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startConsul } from '../servers/consul.js';
import { announcedAndCalled, runExample } from '../support/run-example.js';
import { registryOf } from './under-test.js';

const run = promisify(execFile);
const SECONDS = 1_000;

describe('a process that uses Consul', () => {
  it('may be the example: it ends by itself, and leaves nothing in the registry', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    assert.deepEqual(await runExample('consul', [consul.address]), announcedAndCalled('Consul'));
    assert.deepEqual(Object.keys((await consul.call('/v1/agent/services')) as object), []);
  });

  it('ends although a service is watched and an instance is announced', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const sources = new URL('../../../src/', import.meta.url).href;
    const program = `
      import { createMesh } from '${sources}index.js';
      import { consulDiscovery } from '${sources}registries/consul/index.js';
      const mesh = createMesh({ discovery: consulDiscovery({ address: '${consul.address}' }) });
      await mesh.announce({ service: 'users', url: 'http://10.0.0.1:80' });
      await mesh.ready(['users'], { minEndpoints: 1 });
      console.log('ready');`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { timeout: 30 * SECONDS });
    assert.equal(stdout, 'ready\n');
    assert.equal((await registryOf(consul).entries('users')).length, 1);
  });
});
