import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Mesh, MeshError, MeshOptions } from '../../src/index.js';
import type { TestServer } from '../support/servers.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';
import { redirector, type Seen, seen, to } from './support/redirector.js';
import { type MakeInit, meshOf, sideBySide } from './support/side-by-side.js';
import { signalled } from './support/waiting.js';

/** Redirects that stay where they are: what is sent where, beside the built-in fetch, and in what time. */

const streamOf = (text: string) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(text));
      controller.close();
    },
  });

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
