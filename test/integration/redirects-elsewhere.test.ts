import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  type Call,
  createMesh,
  definePolicy,
  type Mesh,
  MeshError,
  type MeshOptions,
  type Policy,
  staticDiscovery,
} from '../../src/index.js';
import type { TestServer } from '../support/servers.js';
import { redirector, seen, to } from './support/redirector.js';
import { meshOf } from './support/side-by-side.js';

/** Redirects that lead elsewhere: to an endpoint by its address, to another service, out of the mesh. */

/** A policy that lets the test see, or touch, each call. */
function touching(name: string, touch: (call: Call) => void): Policy {
  return definePolicy({
    name,
    build: (next) => (call) => {
      touch(call);
      return next(call);
    },
  });
}

const open: { close(): unknown }[] = [];
let server: TestServer;
before(async () => {
  server = await redirector();
});
after(() => server.close());
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function mesh(options: Partial<MeshOptions> = {}): Mesh {
  const made = meshOf(server, options);
  open.push({ close: () => made.close({ graceMs: 0 }) });
  return made;
}

async function other(): Promise<TestServer> {
  const started = await redirector();
  open.push(started);
  return started;
}

describe('a redirect to an address of one of the endpoints', { timeout: 30_000 }, () => {
  it('stays inside the mesh, and the response shows the logical URL', async () => {
    const response = await mesh().fetch(`http://users${to(302, '{self}/there?x=1#part')}`, {
      headers: { authorization: 'a', cookie: 'c' },
    });
    const { url, host, headers } = await seen(response);
    assert.equal(response.url, 'http://users/there?x=1');
    assert.equal(response.redirected, true);
    assert.deepEqual([url, host, headers.authorization, headers.cookie], ['/there?x=1', 'users', 'a', 'c']);
  });

  it('stays inside the mesh where it names another endpoint than the one that answered', async () => {
    const second = await other();
    const asked: string[] = [];
    const two = mesh({
      discovery: staticDiscovery({ users: [server.origin, second.origin] }),
      services: { users: { policies: { perCall: [touching('noting', ({ path }) => asked.push(path))] } } },
    });
    const response = await two.fetch(`http://users${to(302, `${second.origin}/there`)}`, { mesh: { endpoint: server.origin } });
    assert.equal(response.url, 'http://users/there');
    assert.equal(asked.length, 2);
  });

  it('takes the base path off, whether the server names its address, its host or a path alone', async () => {
    const based = mesh({ discovery: staticDiscovery({ users: [`${server.origin}/api`] }) });
    for (const location of ['{self}/api/there', 'http://users/api/there', '/api/there', 'there', '/there', 'http://users/there']) {
      const response = await based.fetch(`http://users${to(302, location)}`);
      assert.equal(response.url, 'http://users/there', location);
      assert.equal((await seen(response)).url, '/api/there', location);
    }
    const root = await based.fetch(`http://users${to(302, '{self}/api')}`);
    assert.equal((await seen(root)).url, '/api/');
  });

  it('does not take a longer name for the base path', async () => {
    const based = mesh({ discovery: staticDiscovery({ users: [`${server.origin}/api`] }) });
    const response = await based.fetch(`http://users${to(302, '/apiary/x')}`);
    assert.equal((await seen(response)).url, '/api/apiary/x');
    // At the address it is a place outside the service: the runtime's fetch goes there.
    const outside = await based.fetch(`http://users${to(302, '{self}/apiary/x')}`);
    assert.equal(outside.url, `${server.origin}/apiary/x`);
  });

  it('does not take a path of two slashes for a host', async () => {
    const response = await mesh().fetch(`http://users${to(302, '{self}//evil.example/x')}`);
    assert.equal(response.url, 'http://users//evil.example/x');
    assert.equal((await seen(response)).url, '//evil.example/x');
  });
});

describe('a redirect of a service whose name is no host', { timeout: 30_000 }, () => {
  for (const name of ['users.1', '42', 'Users']) {
    it(`stays in the service ${name}`, async () => {
      const named = mesh({ discovery: staticDiscovery({ [name]: [server.origin], ...(name === 'Users' ? {} : { users: [] }) }) });
      const { fetch } = named.service(name);
      const response = await fetch(to(307, to(302, '/there')));
      assert.equal((await seen(response)).url, '/there');
      assert.equal(new URL(response.url).pathname, '/there');
    });
  }
});

describe('a redirect to another service of the mesh', { timeout: 30_000 }, () => {
  it('goes there through the mesh, without what was meant for the first one', async () => {
    const orders = await other();
    const both = mesh({
      discovery: staticDiscovery({ users: [server.origin], orders: [orders.origin] }),
      services: { users: { policies: { perCall: [touching('signed', (call) => call.setHeader('x-users-key', 'secret'))] } } },
    });
    const headers = { authorization: 'a', cookie: 'c', 'proxy-authorization': 'p', 'x-kept': '1', host: 'custom' };
    const response = await both.fetch(`http://users${to(307, 'http://orders/there')}`, { method: 'POST', body: 'x', headers });
    const got = await seen(response);
    assert.equal(response.url, 'http://orders/there');
    assert.deepEqual([got.method, got.url, got.host, got.body], ['POST', '/there', 'orders', 'x']);
    const { authorization, cookie, 'proxy-authorization': proxy, 'x-kept': kept, 'x-users-key': key } = got.headers;
    assert.deepEqual([authorization, cookie, proxy, kept, key], [undefined, undefined, undefined, '1', undefined]);
  });

  it('is refused by a fetch of one service alone no more than by mesh.fetch', async () => {
    const orders = await other();
    const both = mesh({ discovery: staticDiscovery({ users: [server.origin], orders: [orders.origin] }) });
    const response = await both.service('users').fetch(to(302, 'http://orders/there'));
    assert.equal(response.url, 'http://orders/there');
  });

  it('keeps what the call said, where the other stack knows of it, and drops the endpoint', async () => {
    const orders = await other();
    const calls: Call[] = [];
    const both = createMesh({
      discovery: staticDiscovery({ users: [server.origin], orders: [orders.origin] }),
      services: {
        orders: { policies: { perCall: [touching('noting', (call) => calls.push(call))] } },
        users: { policies: { perCall: [touching('extra', () => {})] } },
      },
    });
    open.push(both);
    const url = `http://users${to(302, 'http://orders/there')}`;
    await both.fetch(url, { mesh: { retry: false, extra: false, endpoint: server.origin, bodyIdleTimeoutMs: 1_234 } });
    const [{ overrides = {}, pinned } = {}] = calls;
    assert.equal(pinned, undefined);
    assert.deepEqual(Object.keys(overrides).sort(), ['retry', 'timeout']);
    const { timeoutMs, bodyIdleTimeoutMs } = overrides.timeout as { timeoutMs: number; bodyIdleTimeoutMs: number };
    assert.equal(bodyIdleTimeoutMs, 1_234);
    assert.ok(timeoutMs > 0 && timeoutMs < 30_000, `${timeoutMs} ms are left of the call's time`);
  });
});

describe('a redirect out of the mesh', { timeout: 30_000 }, () => {
  it('is left to the runtime, without what was meant for the service and with the body', async () => {
    const outside = await other();
    const headers = { authorization: 'a', cookie: 'c', 'x-kept': '1' };
    const response = await mesh().fetch(`http://users${to(307, `${outside.origin}/there#part`)}`, {
      method: 'POST',
      body: 'body',
      headers,
    });
    const got = await seen(response);
    assert.equal(response.url, `${outside.origin}/there`);
    assert.equal(response.redirected, true);
    assert.equal(got.host, new URL(outside.origin).host);
    assert.deepEqual([got.method, got.body, got.headers['x-kept'], got.headers.authorization], ['POST', 'body', '1', undefined]);
    assert.equal(got.headers['content-type'], 'text/plain;charset=UTF-8');
    assert.notEqual(got.headers['user-agent'], 'fetchmesh');
  });

  it('goes by the fetch that the process has then', async () => {
    const calls: unknown[] = [];
    const before = globalThis.fetch;
    globalThis.fetch = async (input) => {
      calls.push(String(input));
      return new Response('replaced');
    };
    try {
      const response = await mesh().fetch(`http://users${to(302, 'http://elsewhere.example/there')}`);
      assert.equal(await response.text(), 'replaced');
      assert.equal(response.redirected, true);
      assert.deepEqual(calls, ['http://elsewhere.example/there']);
    } finally {
      globalThis.fetch = before;
    }
  });

  it('is refused where other hosts are', async () => {
    const strict = mesh({ unknownHosts: 'error' });
    await assert.rejects(strict.fetch(`http://users${to(302, 'http://elsewhere.example/')}`), {
      code: 'ERR_MESH_UNKNOWN_HOST',
      message: /elsewhere\.example is no service of this mesh/,
    });
  });

  it('never takes a name and a password along into a service', async () => {
    await assert.rejects(mesh().fetch(`http://users${to(302, 'http://name:secret@orders/')}`), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, 'ERR_MESH_REQUEST');
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
});
