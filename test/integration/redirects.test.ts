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
import { bodyOf, httpServer, json, type TestServer } from '../support/servers.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';
import { type MakeInit, meshOf, sideBySide } from './support/side-by-side.js';
import { signalled } from './support/waiting.js';

/** A request as a server saw it. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/**
 * A server that redirects `/<status>?to=<location>` and answers anything else with what it saw. `{self}` in a
 * location is its own address.
 */
function redirector(): Promise<TestServer> {
  const started: Promise<TestServer> = httpServer(async (request, response) => {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://x');
    const status = Number(/\/(\d{3})$/.exec(url.pathname)?.[1]);
    if (status >= 300 && status < 400) {
      const to = url.searchParams.get('to');
      const location = to === null ? {} : { location: Buffer.from(to.replace('{self}', (await started).origin)).toString('latin1') };
      response.writeHead(status, { ...location, 'content-type': 'text/plain' });
      response.end('moved');
      return;
    }
    const { method = '', headers } = request;
    json(response, { method, url: request.url ?? '', host: headers.host ?? '', headers, body } satisfies Seen);
  });
  return started;
}

const to = (status: number, location: string) => `/${status}?to=${encodeURIComponent(location)}`;
const streamOf = (text: string) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(text));
      controller.close();
    },
  });

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

const seen = async (response: Response): Promise<Seen> => (await response.json()) as Seen;

describe('a redirect within a service, beside the built-in fetch', { timeout: 30_000 }, () => {
  const cases: Record<string, readonly [path: string, init?: () => unknown]> = {};
  for (const status of [300, 301, 302, 303, 304, 305, 306, 307, 308, 399]) {
    for (const method of ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']) {
      const body = ['POST', 'PUT', 'DELETE'].includes(method) ? 'the body' : undefined;
      cases[`${status} of a ${method}`] = [to(status, '/there?x=1'), () => ({ method, body })];
    }
  }
  Object.assign(cases, {
    'no location': ['/302'],
    'an empty location': [to(302, '')],
    'a relative location': [to(302, 'there/x?y')],
    'a location one up': [to(302, '../there')],
    'a location that is a query': [to(302, '?z')],
    'a location with a fragment': [to(302, '/there#part')],
    'a fragment of the request, which the location lacks': [`${to(302, '/there')}#mine`],
    'a location beyond ASCII': [to(302, '/stra\u00dfe?\u00fc')],
    'a location that is no URL': [to(302, 'http://[x')],
    'a location of another scheme': [to(302, 'ftp://users/x')],
    'a location that is data': [to(302, 'data:text/plain,hello')],
    'two hops': [to(302, to(307, '/there'))],
    'a POST that becomes a GET and is redirected again': [to(302, to(307, '/there')), () => ({ method: 'POST', body: 'x' })],
    'a hop to where it came from, for ever': [to(302, '/302?to=')],
    'manual, followed by nobody': [to(302, '/there'), () => ({ redirect: 'manual' })],
    'manual of a POST': [to(307, '/there'), () => ({ redirect: 'manual', method: 'POST', body: 'x' })],
    'error with a redirect': [to(302, '/there'), () => ({ redirect: 'error' })],
    'error with a redirect without a location': ['/302', () => ({ redirect: 'error' })],
    'error without a redirect': ['/there', () => ({ redirect: 'error' })],
    'error with a 304': [to(304, '/there'), () => ({ redirect: 'error' })],
    'a body of a form': [to(307, '/there'), () => ({ method: 'POST', body: new URLSearchParams('a=b') })],
    'a body of a Blob': [to(308, '/there'), () => ({ method: 'PUT', body: new Blob(['blob'], { type: 'x/y' }) })],
    'a body that is a stream, and 307': [to(307, '/there'), () => ({ method: 'POST', body: streamOf('x'), duplex: 'half' })],
    'a body that is a stream, and 302 of a PUT': [to(302, '/there'), () => ({ method: 'PUT', body: streamOf('x'), duplex: 'half' })],
    'a body that is a stream, and 303': [to(303, '/there'), () => ({ method: 'PUT', body: streamOf('x'), duplex: 'half' })],
    'a body that is a stream, and 302 of a POST': [to(302, '/there'), () => ({ method: 'POST', body: streamOf('x'), duplex: 'half' })],
    'headers of a body that is dropped': [
      to(303, '/there'),
      () => ({
        method: 'POST',
        body: 'x',
        headers: { 'content-language': 'de', 'Content-Type': 'a/b', 'x-kept': '1', authorization: 'a', cookie: 'c' },
      }),
    ],
    'headers of a body that is kept': [
      to(307, '/there'),
      () => ({ method: 'POST', body: 'x', headers: { 'content-language': 'de', 'Content-Type': 'a/b', authorization: 'a', cookie: 'c' } }),
    ],
  });

  for (const [name, [path, init]] of Object.entries(cases)) {
    it(`goes the same way: ${name}`, async () => {
      const both = await sideBySide(server, mesh(), path, init as MakeInit);
      assert.deepEqual(comparable(both.mesh), comparable(both.builtIn));
      if (both.error !== undefined) assert.equal((both.error as MeshError).code, 'ERR_MESH_REDIRECT');
    });
  }

  /** Headers that both send of their own accord differ; what the caller said and what follows from it does not. */
  function comparable<T extends { body?: unknown; headers?: unknown }>(one: T): unknown {
    if (typeof one.body !== 'string' || !one.body.startsWith('{')) return one;
    const { method, url, body, headers } = JSON.parse(one.body) as Seen;
    const own = Object.entries(headers).filter(([name]) => /^(content-|x-|authorization|cookie)/.test(name) && name !== 'content-length');
    return { ...one, headers: undefined, body: { method, url, body, own } };
  }
});

describe('a redirect of a Request', { timeout: 30_000 }, () => {
  it('keeps a body that was all there, as the built-in fetch does, and refuses one that was a stream', async () => {
    const own = mesh();
    const request = (body: unknown) =>
      new Request(`http://users${to(307, '/there')}`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    const response = await own.fetch(request('the body'));
    assert.deepEqual([response.url, (await seen(response)).body], ['http://users/there', 'the body']);
    const { promise: later, resolve } = signalled();
    const slow = new ReadableStream({
      async pull(controller) {
        await later;
        controller.enqueue(Buffer.from('late'));
        controller.close();
      },
    });
    const refused = assert.rejects(own.fetch(request(slow)), { code: 'ERR_MESH_REDIRECT', message: /was a stream/ });
    setImmediate(resolve);
    await refused;
  });
});

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

describe('the time of a call that is redirected', () => {
  const hop = { status: 302, headers: { location: '/again' }, latencyMs: 2_000 };

  it('is the time of all its hops together', async () => {
    const { mesh: timed, clock, far } = virtualMesh({ endpoints: 1, scripts: { [address(1)]: hop } });
    const call = watched(timed.fetch('http://users/', { mesh: { timeoutMs: 5_000 } }));
    await clock.advance(4_999);
    assert.equal(call.state, 'waiting');
    await clock.advance(100);
    assert.equal(call.error.code, 'ERR_MESH_TIMEOUT');
    assert.equal(far.requests.length, 3);
    assert.equal(far.open, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('ends at its deadline, wherever that was said', async () => {
    const { mesh: timed, clock } = virtualMesh({ endpoints: 1, scripts: { [address(1)]: hop } });
    const call = watched(timed.fetch('http://users/', { mesh: { deadlineMs: clock.wallTime() + 5_000 } }));
    await clock.advance(5_100);
    assert.equal(call.error.code, 'ERR_MESH_DEADLINE');
  });

  it('ends with the signal at whatever hop it is', async () => {
    const { mesh: timed, clock, far } = virtualMesh({ endpoints: 1, scripts: { [address(1)]: hop } });
    const controller = new AbortController();
    const call = watched(timed.fetch('http://users/', { signal: controller.signal }));
    await clock.advance(5_000);
    controller.abort(new RangeError('enough'));
    await clock.settle();
    assert.equal((call.reason as Error).message, 'enough');
    assert.equal(far.open, 0);
  });
});
