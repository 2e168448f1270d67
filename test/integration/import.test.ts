import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { node } from './support/child.js';

/**
 * Loading the package changes nothing for the rest of the process: each case in a process of its own, with the
 * package as users load it, by its name.
 */

/** What every case begins with: a picture of all globals, taken without touching what is made at its first use. */
const BEGIN = `
  import assert from 'node:assert/strict';
  import { createServer } from 'node:http';
  import { createRequire } from 'node:module';
  const require = createRequire(process.cwd() + '/x.js');
  const picture = () => new Map(Reflect.ownKeys(globalThis).map((key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)]));
  const server = createServer((request, response) => response.end('plain ' + request.headers.host));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = 'http://127.0.0.1:' + server.address().port;
  const plainFetch = async () => assert.match(await (await fetch(origin)).text(), /^plain 127/);
  const dispatcher = () => globalThis[Symbol.for('undici.globalDispatcher.1')];
  const before = picture();
`;
const END = '\nprocess.exit(0);';

async function run(code: string): Promise<void> {
  const ended = await node(['--input-type=module', '-e', BEGIN + code + END]);
  assert.equal(ended.stderr, '');
  assert.equal(ended.code, 0);
}

describe('importing the package', { timeout: 60_000 }, () => {
  it('leaves every global as it was, and the built-in fetch at work', () =>
    run(`
      await import('fetchmesh');
      await import('fetchmesh/testing');
      assert.deepEqual(picture(), before);
      await plainFetch();
      assert.ok(dispatcher() !== undefined);
      assert.equal(dispatcher() instanceof require('undici').Agent, false, 'the dispatcher is the runtime\\'s own');
    `));

  it('leaves them so when a mesh is made, too, and when it was used, its fetch and its dispatcher are all that is new', () =>
    run(`
      const { createMesh, staticDiscovery } = await import('fetchmesh');
      const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }) });
      mesh.service('users');
      assert.deepEqual(picture(), before);
      const { fetch: own } = globalThis;
      assert.equal(await (await mesh.fetch('http://users/')).text(), 'plain users');
      assert.equal(globalThis.fetch, own);
      await plainFetch();
      assert.equal(await (await fetch('http://users/', { dispatcher: mesh.dispatcher })).text(), 'plain users');
      assert.equal(await (await mesh.dispatcher.request({ origin: 'http://users', path: '/', method: 'GET' })).body.text(), 'plain users');
      assert.equal(await (await mesh.fetch(origin)).text(), (await (await fetch(origin)).text()));
      assert.equal(dispatcher() instanceof require('undici').Agent, false);
      await mesh.close();
    `));

  it('beside undici, whichever comes first', () =>
    run(`
      const undici = await import('undici');
      const own = dispatcher();
      const { createMesh, staticDiscovery } = await import('fetchmesh');
      assert.equal(dispatcher(), own);
      const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }) });
      assert.equal(await (await undici.request('http://users/', { dispatcher: mesh.dispatcher })).body.text(), 'plain users');
      await plainFetch();
      assert.equal(dispatcher(), own);
    `));

  it('before undici', () =>
    run(`
      const { createMesh, staticDiscovery } = await import('fetchmesh');
      const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }) });
      const undici = await import('undici');
      assert.equal(await (await undici.request('http://users/', { dispatcher: mesh.dispatcher })).body.text(), 'plain users');
      assert.equal(await (await mesh.fetch('http://users/')).text(), 'plain users');
      await plainFetch();
      undici.setGlobalDispatcher(mesh.dispatcher);
      assert.equal(await (await fetch('http://users/')).text(), 'plain users');
      await plainFetch();
    `));

  it('works by require, with the same result', () =>
    run(`
      const fromRequire = require('fetchmesh');
      const testing = require('fetchmesh/testing');
      assert.deepEqual(picture(), before);
      const fromImport = await import('fetchmesh');
      assert.equal(fromRequire.createMesh, fromImport.createMesh);
      assert.equal(fromRequire.MeshError, fromImport.MeshError);
      assert.equal(typeof testing.mockRegistry, 'function');
      await plainFetch();
    `));

  it('keeps no process alive and says nothing', async () => {
    const code = "import { createMesh, staticDiscovery } from 'fetchmesh'; createMesh({ discovery: staticDiscovery({}) }).dispatcher;";
    assert.deepEqual(await node(['--input-type=module', '-e', code]), { code: 0, stdout: '', stderr: '' });
  });
});
