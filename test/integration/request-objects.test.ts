import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import ky from 'ky';
import * as undici from 'undici';
import { type Mesh, MeshError, type MeshRequestInit } from '../../src/index.js';
import { bodyOf, httpServer, type TestServer } from '../support/servers.js';
import { echoServer, type Received } from './support/echo.js';
import { meshOf } from './support/side-by-side.js';
import { signalled, soon } from './support/waiting.js';

/** A request comes as text, a URL, a Request of any realm; from a caller or from a library that was handed `mesh.fetch`. */

describe('what mesh.fetch takes for a request', { timeout: 30_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;
  before(async () => {
    server = await echoServer();
    mesh = meshOf(server);
  });
  after(async () => {
    await mesh.close({ graceMs: 0 });
    await server.close();
  });

  const echo = async (promise: Promise<Response>): Promise<Received> => (await (await promise).json()) as Received;
  const header = (received: Received, name: string) => received.headers.find(([key]) => key === name)?.[1];
  const refused = (promise: Promise<Response>, message: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof MeshError && error instanceof TypeError, String(error));
      assert.equal(error.code, 'ERR_MESH_REQUEST');
      assert.match(error.message, message);
      return true;
    });

  it('takes a URL, and whatever says a URL as text', async () => {
    assert.equal((await echo(mesh.fetch(new URL('http://users/a?b=c#d')))).url, '/a?b=c');
    const other = { toString: () => 'http://users/other' };
    assert.equal((await echo(mesh.fetch(other as unknown as string))).url, '/other');
  });

  it('takes method, headers, body, signal and redirect of a Request', async () => {
    const controller = new AbortController();
    const request = new Request('http://users/a', {
      method: 'PUT',
      headers: { 'x-one': '1' },
      body: 'hello',
      redirect: 'manual',
      signal: controller.signal,
    });
    const received = await echo(mesh.fetch(request));
    assert.equal(received.method, 'PUT');
    assert.equal(received.body, 'hello');
    assert.equal(header(received, 'x-one'), '1');
    assert.equal(header(received, 'content-type'), 'text/plain;charset=UTF-8');
    assert.equal(request.bodyUsed, true);
    controller.abort(new RangeError('no'));
    await assert.rejects(mesh.fetch(new Request('http://users/', { signal: controller.signal })), new RangeError('no'));
  });

  it('puts init over a Request, option by option', async () => {
    const request = () => new Request('http://users/a', { method: 'PUT', headers: { 'x-one': '1' }, body: 'hello' });
    const received = await echo(mesh.fetch(request(), { method: 'PATCH', headers: { 'x-two': '2' }, body: 'other' }));
    assert.equal(received.method, 'PATCH');
    assert.equal(received.body, 'other');
    assert.equal(header(received, 'x-one'), undefined);
    assert.equal(header(received, 'x-two'), '2');
    const gone = AbortSignal.abort(new RangeError('gone'));
    assert.equal((await mesh.fetch(new Request('http://users/', { signal: gone }), { signal: null })).status, 200);
    await refused(mesh.fetch(request(), { method: 'GET' }), /GET\/HEAD method cannot have body/);
  });

  it('refuses a Request whose body was used, and leaves one alone whose body is replaced', async () => {
    const used = new Request('http://users/', { method: 'POST', body: 'x' });
    await used.text();
    await refused(mesh.fetch(used), /already been used/);
    const replaced = new Request('http://users/', { method: 'POST', body: 'x' });
    assert.equal((await echo(mesh.fetch(replaced, { body: 'y' }))).body, 'y');
    assert.equal(replaced.bodyUsed, false);
    const once = new Request('http://users/', { method: 'POST', body: 'x' });
    await mesh.fetch(once);
    await refused(mesh.fetch(once), /already been used/);
  });

  it('sends a Request whose body is all there with its length, as the built-in fetch does', async () => {
    const bodies = [
      'text',
      new Uint8Array(70_000),
      new URLSearchParams('a=b'),
      new ReadableStream({ start: (controller) => controller.close() }),
    ];
    for (const body of bodies) {
      const received = await echo(mesh.fetch(new Request('http://users/', { method: 'POST', body, duplex: 'half' } as RequestInit)));
      assert.equal(header(received, 'content-length'), String(received.body.length));
      assert.equal(header(received, 'transfer-encoding'), undefined);
    }
    const scoped = await echo(mesh.service('users').fetch(new Request('http://users/', { method: 'POST', body: 'text' })));
    assert.deepEqual([scoped.body, header(scoped, 'content-length')], ['text', '4']);
  });

  it('sends a Request whose body is still coming as it comes, and in order', async () => {
    const { promise: asked, resolve: ask } = signalled();
    const { promise: more, resolve: goOn } = signalled();
    const slow = await httpServer(async (request, response) => {
      request.once('data', () => ask());
      response.end(await bodyOf(request));
    });
    const own = meshOf(slow);
    let pulls = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (++pulls === 3) await more;
        if (pulls > 4) controller.close();
        else controller.enqueue(Buffer.from(`chunk ${pulls}, `));
      },
    });
    const answer = own.fetch(new Request('http://users/', { method: 'POST', body, duplex: 'half' } as RequestInit));
    await soon(asked, 'the first chunk');
    goOn();
    assert.equal(await (await answer).text(), 'chunk 1, chunk 2, chunk 3, chunk 4, ');
    await own.close({ graceMs: 0 });
    await slow.close();
  });

  it('lets go of the stream of a Request that is aborted, and hands over the error of one that fails', async () => {
    const { promise: cancelled, resolve } = signalled<unknown>();
    const controller = new AbortController();
    const body = new ReadableStream({ cancel: resolve });
    const call = mesh.fetch(
      new Request('http://users/', { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit),
    );
    const rejected = assert.rejects(call, new RangeError('enough'));
    controller.abort(new RangeError('enough'));
    await rejected;
    await soon(cancelled, 'the end of the stream');
    const broken = new ReadableStream({ start: (stream) => stream.error(new RangeError('broken')) });
    const failing = new Request('http://users/', { method: 'POST', body: broken, duplex: 'half' } as RequestInit);
    await assert.rejects(mesh.fetch(failing), new RangeError('broken'));
  });

  it('takes a Request and a FormData of undici, which are other classes than the built-in ones', async () => {
    const request = new undici.Request('http://users/a', { method: 'POST', headers: { 'x-one': '1' }, body: 'hello' });
    assert.equal(request instanceof Request, false);
    const received = await echo(mesh.fetch(request as unknown as Request));
    assert.equal(received.method, 'POST');
    assert.equal(received.body, 'hello');
    assert.equal(header(received, 'x-one'), '1');

    const form = new undici.FormData();
    form.append('a', 'b');
    const posted = await echo(mesh.fetch('http://users/', { method: 'POST', body: form as unknown as FormData }));
    assert.match(header(posted, 'content-type') ?? '', /^multipart\/form-data; boundary=/);
    assert.match(posted.body, /name="a"\r\n\r\nb\r\n/);
    const headers = new undici.Headers({ 'x-two': '2' });
    assert.equal(header(await echo(mesh.fetch('http://users/', { headers: headers as unknown as Headers })), 'x-two'), '2');
  });

  it('does not take the message that a Node server received for a Request, whose body would be lost', async () => {
    const message = Object.assign(new IncomingMessage(new Socket()), { url: 'http://users/a', method: 'POST' });
    await refused(mesh.fetch(message as unknown as Request), /cannot read the URL "\[object Object\]"/);
    await refused(mesh.service('users').fetch(message as unknown as Request), /must be a path, a URL or a Request, got \[object Object\]/);
  });

  it('refuses relative URLs, and URLs with a name or a password', async () => {
    await refused(mesh.fetch('/users/42'), /cannot read the URL "\/users\/42"/);
    await refused(mesh.fetch('users/42'), /cannot read the URL/);
    await refused(mesh.fetch(''), /cannot read the URL ""/);
    await refused(mesh.fetch('http://name:secret@users/'), /must not contain a user name or a password/);
    await refused(mesh.fetch('http://name@users/'), /must not contain/);
    await refused(mesh.service('users').fetch('http://name@users/'), /must not contain/);
    await mesh.fetch('http://name:secret@users/').catch((error) => assert.doesNotMatch(String(error), /secret/));
  });

  it('leaves data: and blob: URLs to the runtime, also where other hosts are refused', async () => {
    const strict = meshOf(server, { unknownHosts: 'error' });
    for (const each of [mesh, strict]) {
      assert.equal(await (await each.fetch('data:text/plain,hello')).text(), 'hello');
      const url = URL.createObjectURL(new Blob(['blob']));
      assert.equal(await (await each.fetch(url)).text(), 'blob');
    }
    await strict.close();
  });

  it('needs no this, and serves a library that takes a fetch', async () => {
    const { fetch } = mesh;
    assert.equal((await echo(fetch('http://users/a'))).url, '/a');
    const { fetch: scoped } = mesh.service('users');
    assert.equal((await echo(scoped('/b'))).url, '/b');

    const api = ky.create({ fetch: mesh.fetch, prefixUrl: 'http://users/api', headers: { 'x-one': '1' }, retry: 0 });
    const got = await api.get('users/42', { searchParams: { a: 1 } }).json<Received>();
    assert.deepEqual([got.method, got.url, header(got, 'x-one')], ['GET', '/api/users/42?a=1', '1']);
    const posted = await api.post('users', { json: { name: 'Ada' } }).json<Received>();
    assert.deepEqual([posted.method, posted.body, header(posted, 'content-type')], ['POST', '{"name":"Ada"}', 'application/json']);
    await assert.rejects(api.get('x', { timeout: 5_000, signal: AbortSignal.abort() }), { name: 'AbortError' });
  });

  it('sends an empty query as one, whichever way the URL is read, and an older built-in fetch drops it', async () => {
    for (const url of ['http://users/a?', 'http://users/a b?', 'http://users/a?#x', new URL('http://users/a?')]) {
      for (let i = 0; i < 2; i++) assert.match((await echo(mesh.fetch(url))).url, /^\/a(%20b)?\?$/);
    }
    assert.equal((await echo(mesh.service('users').fetch('/a?'))).url, '/a?');
    assert.equal((await echo(mesh.service('users').fetch('a?'))).url, '/a?');
  });

  it('sends a Host of the caller, which the built-in fetch drops', async () => {
    assert.equal(header(await echo(mesh.fetch('http://users/', { headers: { Host: 'example.com' } })), 'host'), 'example.com');
    assert.equal(header(await echo(mesh.fetch('http://users/')), 'host'), 'users');
    assert.equal(header(await echo(mesh.fetch('http://users:8080/')), 'host'), 'users:8080');
  });

  it('refuses options whose meaning it cannot honour, rather than to drop them', async () => {
    const init = (options: object) => options as MeshRequestInit;
    await refused(mesh.fetch('http://users/', init({ integrity: 'sha256-x' })), /integrity is not supported .* verify the body yourself/);
    await refused(mesh.fetch(new Request('http://users/', { integrity: 'sha256-x' })), /integrity is not supported/);
    await refused(mesh.fetch('http://users/', init({ referrer: 'http://a.example/' })), /referrer is not supported/);
    await refused(mesh.fetch('http://users/', init({ dispatcher: new undici.Agent() })), /dispatcher is not supported/);
    const nothing = { integrity: '', referrer: 'about:client', dispatcher: undefined, window: null };
    assert.equal((await mesh.fetch('http://users/', init(nothing))).status, 200);
  });

  it('refuses a body shorter than its content-length, with which the built-in fetch lets the server wait', async () => {
    const init = { method: 'POST', body: 'abc', headers: { 'content-length': '2' } };
    await refused(mesh.fetch('http://users/', init), /does not match content-length/);
  });

  it('refuses an object for a body, and hands over what a function that makes the body throws', async () => {
    await refused(mesh.fetch('http://users/', { method: 'POST', body: {} as unknown as string }), /a body must be text, bytes/);
    const shared = new Uint8Array(new SharedArrayBuffer(4)) as unknown as Uint8Array<ArrayBuffer>;
    await refused(mesh.fetch('http://users/', { method: 'POST', body: shared }), /SharedArrayBuffer/);
    const fault = new TypeError('my own fault');
    const broken = () => {
      throw fault;
    };
    await assert.rejects(mesh.fetch('http://users/', { method: 'POST', body: broken }), (error) => error === fault);
  });

  it('lets go of a stream that is not sent', async () => {
    const cancelled: unknown[] = [];
    const stream = () => new ReadableStream({ cancel: (reason) => void cancelled.push(reason) });
    const reason = new RangeError('too late');
    const post = (extra: RequestInit): RequestInit => ({ method: 'POST', body: stream(), duplex: 'half', ...extra }) as RequestInit;
    await assert.rejects(mesh.fetch('http://users/', post({ signal: AbortSignal.abort(reason) })), reason);
    assert.deepEqual(cancelled, [reason]);
    await refused(mesh.fetch('http://users/', post({ headers: { 'x y': '1' } })), /invalid header name/);
    assert.equal(cancelled.length, 2);
  });
});
