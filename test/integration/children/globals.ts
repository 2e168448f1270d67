import assert from 'node:assert/strict';
import * as undici from 'undici';
import { createMesh, type Mesh, type MeshOptions, staticDiscovery } from '../../../src/index.js';
import { httpServer, type TestServer } from '../../support/servers.js';

/**
 * What happens to a process whose `fetch` or dispatcher is replaced: one scenario, named on the command line. It
 * runs in a process of its own, since it leaves the globals as no other test wants them.
 */

/** A server that says its name, and the request's target as it came. */
function named(name: string): Promise<TestServer> {
  return httpServer((request, response) => response.end(`${name} ${request.url}`));
}

const users = await named('users');
const elsewhere = await named('elsewhere');

function mesh(options: Partial<MeshOptions> = {}): Mesh {
  return createMesh({ discovery: staticDiscovery({ users: [users.origin] }), ...options });
}

const text = async (promise: Promise<Response>) => (await promise).text();

/** The global fetch serves the mesh's services, and every other host as before. */
async function bothAreServed(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    assert.equal(await text(fetch('http://users/a')), 'users /a');
    assert.equal(await text(fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
  }
}

const scenarios: Record<string, () => Promise<void>> = {
  async 'mesh.fetch in the place of the global fetch'() {
    globalThis.fetch = mesh().fetch;
    await bothAreServed();
  },

  async 'a function around mesh.fetch in the place of the global fetch'() {
    const { fetch: meshFetch } = mesh();
    globalThis.fetch = (input, init) => meshFetch(input, init);
    await bothAreServed();
  },

  async 'a function that waits before it calls mesh.fetch'() {
    const { fetch: meshFetch } = mesh();
    globalThis.fetch = async (input, init) => {
      await new Promise((resolve) => setImmediate(resolve));
      return meshFetch(input, init);
    };
    await bothAreServed();
  },

  async 'the fetch of one service in the place of the global fetch'() {
    const own = mesh();
    globalThis.fetch = own.service('users').fetch;
    assert.equal(await text(own.fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
    assert.equal(await text(fetch('/a')), 'users /a');
  },

  async 'two meshes, each made while the other stood in the place of the global fetch'() {
    const first = createMesh({ discovery: staticDiscovery({ orders: [users.origin] }) });
    globalThis.fetch = first.fetch;
    const second = mesh();
    globalThis.fetch = second.fetch;
    await bothAreServed();
    assert.equal(await text(fetch('http://orders.mesh/c').catch(() => first.fetch('http://orders/c'))), 'users /c');
    globalThis.fetch = first.fetch;
    assert.equal(await text(fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
    assert.equal(await text(second.fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
  },

  async 'a global fetch that was replaced after the mesh was made'() {
    const own = mesh();
    const before = globalThis.fetch;
    globalThis.fetch = async (input) => new Response(`replaced ${String(input)}`);
    assert.equal(await text(own.fetch('http://elsewhere.example/x')), 'replaced http://elsewhere.example/x');
    assert.equal(await text(own.fetch('http://users/a')), 'users /a');
    globalThis.fetch = before;
    assert.equal(await text(own.fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
  },

  async 'a MockAgent as the global dispatcher'() {
    const agent = new undici.MockAgent();
    agent.disableNetConnect();
    agent.get('http://elsewhere.example').intercept({ path: '/x' }).reply(200, 'mocked').times(2);
    undici.setGlobalDispatcher(agent);
    const own = mesh();
    assert.equal(await text(own.fetch('http://elsewhere.example/x')), 'mocked');
    assert.equal(await text(own.fetch('http://users/a')), 'users /a');
    assert.equal(await (await undici.request('http://elsewhere.example/x', { dispatcher: own.dispatcher })).body.text(), 'mocked');
    agent.assertNoPendingInterceptors();
  },

  async 'a MockAgent that becomes the global dispatcher after the mesh was made'() {
    const own = mesh();
    void own.dispatcher;
    const agent = new undici.MockAgent();
    agent.disableNetConnect();
    agent.get('http://elsewhere.example').intercept({ path: '/x' }).reply(200, 'mocked').times(2);
    undici.setGlobalDispatcher(agent);
    assert.equal(await text(own.fetch('http://elsewhere.example/x')), 'mocked');
    assert.equal(await text(fetch('http://elsewhere.example/x', { dispatcher: own.dispatcher } as RequestInit)), 'mocked');
    agent.assertNoPendingInterceptors();
  },

  async 'the mesh as the global dispatcher'() {
    const own = mesh();
    undici.setGlobalDispatcher(own.dispatcher);
    await bothAreServed();
    assert.equal(await text(own.fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
    assert.equal(await text(own.fetch('http://users/a')), 'users /a');
    assert.equal(await (await undici.request('http://users/c')).body.text(), 'users /c');
    assert.equal(await (await undici.fetch(`${elsewhere.origin}/d`)).text(), 'elsewhere /d');
  },

  async 'the mesh as the global dispatcher and its fetch as the global fetch'() {
    const own = mesh();
    undici.setGlobalDispatcher(own.dispatcher);
    globalThis.fetch = own.fetch;
    await bothAreServed();
  },

  async 'the mesh as the global dispatcher, over a MockAgent that was there before'() {
    const agent = new undici.MockAgent();
    agent.disableNetConnect();
    agent.get('http://elsewhere.example').intercept({ path: '/x' }).reply(200, 'mocked');
    undici.setGlobalDispatcher(agent);
    undici.setGlobalDispatcher(mesh().dispatcher);
    assert.equal(await text(fetch('http://elsewhere.example/x')), 'mocked');
    assert.equal(await text(fetch('http://users/a')), 'users /a');
  },

  async 'a dispatcher composed of the mesh as the global dispatcher'() {
    const seen: unknown[] = [];
    undici.setGlobalDispatcher(
      mesh().dispatcher.compose((dispatch) => (options, handler) => {
        seen.push(options.path);
        return dispatch(options, handler);
      }),
    );
    await bothAreServed();
    assert.ok(seen.includes('/a') && seen.includes('/b'));
  },

  async 'a dispatcher that waits before it calls the mesh as the global dispatcher'() {
    undici.setGlobalDispatcher(
      mesh().dispatcher.compose((dispatch) => (options, handler) => {
        setImmediate(() => dispatch(options, handler));
        return true;
      }),
    );
    await bothAreServed();
  },

  async 'two meshes as the global dispatcher, one after the other'() {
    const first = createMesh({ discovery: staticDiscovery({ orders: [users.origin] }) });
    undici.setGlobalDispatcher(first.dispatcher);
    const second = mesh();
    undici.setGlobalDispatcher(second.dispatcher);
    await bothAreServed();
    undici.setGlobalDispatcher(first.dispatcher);
    assert.equal(await text(fetch(`${elsewhere.origin}/b`)), 'elsewhere /b');
  },

  async 'a proxy for the whole process'() {
    const proxy = await httpServer((request, response) => response.end(`proxied ${request.url}`));
    undici.setGlobalDispatcher(new undici.EnvHttpProxyAgent({ httpProxy: proxy.origin, noProxy: '', proxyTunnel: false }));
    const own = mesh();
    assert.match(await text(own.fetch('http://elsewhere.example/x')), /^proxied .*\/x$/);
    assert.equal(await text(own.fetch('http://users/a')), 'users /a');
    undici.setGlobalDispatcher(own.dispatcher);
    assert.match(await text(fetch('http://elsewhere.example/x')), /^proxied .*\/x$/);
    assert.equal(await text(fetch('http://users/a')), 'users /a');
  },
};

const name = process.argv[2] ?? '';
if (name === '--list') {
  console.log(JSON.stringify(Object.keys(scenarios)));
  process.exit(0);
}
const scenario = scenarios[name];
if (scenario === undefined) throw new Error(`there is no scenario '${name}'`);
await scenario();
// Idle sockets to the servers would keep this process alive, and so would the servers.
process.exit(0);
