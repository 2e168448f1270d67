import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as undici from 'undici';
import { createMesh, type Mesh, MeshError, type MeshOptions, standard, staticDiscovery } from '../../src/index.js';
import { httpServer, json, rawServer, type TestServer } from '../support/servers.js';
import { echoServer, type Received } from './support/echo.js';
import { active, listeners, quiet, signalled, soon, until } from './support/waiting.js';

/** `mesh.dispatcher` under everything that takes an undici dispatcher: the built-in fetch, and undici's own calls. */

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function meshTo(origins: readonly string[], options: Partial<MeshOptions> = {}): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: origins }), ...options });
  open.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

/** The built-in fetch over a mesh. */
function builtIn(mesh: Mesh, url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, dispatcher: mesh.dispatcher } as RequestInit);
}

const header = (received: Received, name: string) => received.headers.find(([key]) => key === name)?.[1];

describe('over mesh.dispatcher', { timeout: 30_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;
  before(async () => {
    server = await echoServer();
    mesh = createMesh({ discovery: staticDiscovery({ users: [`${server.origin}/api`] }) });
  });
  after(async () => {
    await mesh.close({ graceMs: 0 });
    await server.close();
  });

  it('the built-in fetch and that of undici find services', async () => {
    const init = { method: 'POST', headers: { 'x-one': '1' }, body: JSON.stringify({ a: 1 }) };
    for (const response of [
      await builtIn(mesh, 'http://users/a?b=c', init),
      await undici.fetch('http://users/a?b=c', { ...init, dispatcher: mesh.dispatcher }),
    ]) {
      const received = (await response.json()) as Received;
      assert.deepEqual([received.method, received.url, received.body], ['POST', '/api/a?b=c', '{"a":1}']);
      assert.deepEqual([header(received, 'host'), header(received, 'x-one')], ['users', '1']);
      assert.equal(header(received, 'content-length'), '7');
    }
  });

  it('undici.request sends what it is given: query, headers in all forms, bodies of all kinds', async () => {
    const ask = async (options: object, url = 'http://users/a') => {
      const { body } = await undici.request(url, { dispatcher: mesh.dispatcher, method: 'POST', ...options });
      return (await body.json()) as Received;
    };
    assert.equal((await ask({ query: { b: 'c d', e: ['1', '2'] } })).url, '/api/a?b=c%20d&e=1&e=2');
    assert.equal((await ask({}, 'http://users/a/../b/%2e%2e/c?x#y')).url, '/api/c?x');
    for (const headers of [{ 'x-one': ['1', '2'] }, ['x-one', '1', 'X-One', '2'], new Map([['x-one', '1, 2']]), [['x-one', '1, 2']]]) {
      const received = await ask({ headers });
      const values = received.headers.filter(([name]) => name === 'x-one').map(([, value]) => value);
      assert.equal(values.join(', '), '1, 2');
    }
    const text = await ask({ body: 'text' });
    assert.deepEqual([text.body, header(text, 'content-type'), header(text, 'content-length')], ['text', undefined, '4']);
    const form = new FormData();
    form.append('a', 'b');
    assert.match((await ask({ body: form })).body, /name="a"\r\n\r\nb\r\n/);
    assert.match(header(await ask({ body: form }), 'content-type') ?? '', /^multipart\/form-data; boundary=/);
    const kinds = [
      Buffer.from('bytes'),
      new Uint8Array(Buffer.from('bytes')),
      Readable.from(['by', 'tes']),
      ['by', 'tes'],
      generate(),
      asyncGenerate(),
      new Blob(['bytes']),
    ];
    for (const body of kinds) assert.equal((await ask({ body })).body, 'bytes', Object.prototype.toString.call(body));
    assert.equal(header(await ask({ headers: { host: 'own.example' } }), 'host'), 'own.example');
  });

  it('undici.stream and undici.pipeline pass the bytes through', async () => {
    const chunks: Buffer[] = [];
    await undici.stream('http://users/a', { dispatcher: mesh.dispatcher, method: 'PUT', body: 'abc' }, ({ statusCode }) => {
      assert.equal(statusCode, 200);
      return into(chunks);
    });
    assert.equal((JSON.parse(Buffer.concat(chunks).toString()) as Received).body, 'abc');

    const through: Buffer[] = [];
    await pipeline(
      Readable.from([Buffer.from('some '), Buffer.from('more')]),
      undici.pipeline('http://users/a', { dispatcher: mesh.dispatcher, method: 'POST' }, ({ body }) => body),
      into(through),
    );
    assert.equal((JSON.parse(Buffer.concat(through).toString()) as Received).body, 'some more');
  });

  it('repeats a POST that says that it may be repeated, and no other', async () => {
    let requests = 0;
    const moody = await serve(httpServer((_, response) => json(response, {}, requests++ % 2 === 0 ? 503 : 200)));
    const { dispatcher } = meshTo([moody.origin]);
    const post = async (options: object) => {
      requests = 0;
      await undici.request('http://users/', { dispatcher, method: 'POST', body: 'x', ...options });
      return requests;
    };
    assert.equal(await post({}), 1);
    assert.equal(await post({ idempotent: true }), 2);
    assert.equal(await post({ headers: { 'Idempotency-Key': 'abc' } }), 2);
    assert.equal(await post({ headers: { 'Idempotency-Key': 'abc' }, idempotent: false }), 1);
  });

  it('has the methods of an undici dispatcher itself', async () => {
    const { body, statusCode } = await mesh.dispatcher.request({ origin: 'http://users/', path: '/b', method: 'GET' });
    assert.equal(statusCode, 200);
    assert.equal(((await body.json()) as Received).url, '/api/b');
  });

  it('refuses other hosts where the mesh does', async () => {
    const strict = meshTo([server.origin], { unknownHosts: 'error' });
    const request = undici.request('http://elsewhere.example/', { dispatcher: strict.dispatcher });
    await assert.rejects(request, { code: 'ERR_MESH_UNKNOWN_HOST', message: /elsewhere\.example is no service/ });
  });

  it('refuses what cannot be sent, with a code', async () => {
    const ask = (options: object) => undici.request('http://users/', { dispatcher: mesh.dispatcher, method: 'POST', ...options });
    await assert.rejects(ask({ headers: ['x-one'] }), { code: 'ERR_MESH_REQUEST', message: /a value for each name/ });
    await assert.rejects(ask({ headers: { 'x-a': 'a\nb' } }), { code: 'ERR_MESH_REQUEST' });
    await assert.rejects(ask({ body: 'abc', headers: { 'content-length': '9' } }), { code: 'ERR_MESH_REQUEST' });
  });
});

describe('answers over mesh.dispatcher', { timeout: 30_000 }, () => {
  it('are handed over as they come, coded ones and those without a body included', async () => {
    const server = await serve(
      httpServer((request, response) => {
        if (request.url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'));
        else if (request.url === '/empty') response.writeHead(204, { 'x-one': '1', 'set-cookie': ['a=1', 'b=2'] }).end();
        else if (request.url === '/moved') response.writeHead(307, { location: '/gzip' }).end();
        else if (request.url === '/trailers') {
          response.writeHead(200, { trailer: 'x-sum' });
          response.write('body');
          response.addTrailers({ 'x-sum': '42' });
          response.end();
        } else json(response, { head: request.method }, 404);
      }),
    );
    const mesh = meshTo([server.origin]);
    assert.equal(await (await builtIn(mesh, 'http://users/gzip')).text(), 'packed');
    const empty = await builtIn(mesh, 'http://users/empty');
    assert.deepEqual([empty.status, empty.headers.getSetCookie(), empty.body], [204, ['a=1', 'b=2'], null]);
    const moved = await builtIn(mesh, 'http://users/moved');
    assert.deepEqual([moved.url, moved.redirected, await moved.text()], ['http://users/gzip', true, 'packed']);
    const head = await builtIn(mesh, 'http://users/', { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [404, '']);
    const { body, trailers } = await undici.request('http://users/trailers', { dispatcher: mesh.dispatcher });
    assert.equal(await body.text(), 'body');
    assert.deepEqual(trailers, { 'x-sum': '42' });
  });

  it('wait for a reader who takes his time', async () => {
    const size = 8 * 1024 * 1024;
    let written = 0;
    const server = await serve(
      httpServer((_, response) => {
        const chunk = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (written < size) {
            written += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      }),
    );
    const mesh = meshTo([server.origin]);
    const { body } = await undici.request('http://users/', { dispatcher: mesh.dispatcher });
    let before = -1;
    // The kernel's buffers fill up, then nothing moves any more.
    for (let still = 0; still < 50; ) {
      await new Promise((resolve) => setImmediate(resolve));
      still = written === before ? still + 1 : 0;
      before = written;
    }
    assert.ok(written < size, 'the whole body went into memory');
    assert.equal((await body.arrayBuffer()).byteLength, size);
    await quiet(mesh);
  });
});

describe('errors over mesh.dispatcher', { timeout: 30_000 }, () => {
  it('reach undici as they are, and are the cause of what fetch throws', async () => {
    const server = await serve(rawServer((socket) => socket.resetAndDestroy()));
    const mesh = meshTo([server.origin], { defaults: { policies: standard({ retry: { attempts: 2 } }) } });
    await assert.rejects(undici.request('http://users/', { dispatcher: mesh.dispatcher }), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, 'ERR_MESH_LOST');
      assert.equal(error.attempts.length, 2);
      return true;
    });
    await assert.rejects(builtIn(mesh, 'http://users/'), (error) => {
      assert.ok(error instanceof TypeError);
      assert.ok(error.cause instanceof MeshError);
      assert.equal(error.cause.code, 'ERR_MESH_LOST');
      return true;
    });
    await assert.rejects(undici.request('http://nobody/', { dispatcher: mesh.dispatcher }), { code: 'ERR_MESH_UNKNOWN_SERVICE' });
  });

  it('within a body reach its reader', async () => {
    const server = await serve(rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')));
    const mesh = meshTo([server.origin]);
    const { body } = await undici.request('http://users/', { dispatcher: mesh.dispatcher });
    await assert.rejects(body.text(), { code: 'ERR_MESH_BODY' });
    await assert.rejects((await builtIn(mesh, 'http://users/')).text(), TypeError);
    await quiet(mesh);
  });
});

describe('an abort over mesh.dispatcher', { timeout: 30_000 }, () => {
  const OWN = new RangeError('enough');
  const entries: Record<string, (mesh: Mesh, signal: AbortSignal) => Promise<unknown>> = {
    'the built-in fetch': (mesh, signal) => builtIn(mesh, 'http://users/', { signal }).then((response) => response.text()),
    'undici.fetch': async (mesh, signal) => (await undici.fetch('http://users/', { signal, dispatcher: mesh.dispatcher })).text(),
    'undici.request': async (mesh, signal) => (await undici.request('http://users/', { signal, dispatcher: mesh.dispatcher })).body.text(),
    'undici.stream': (mesh, signal) =>
      undici.stream(
        'http://users/',
        { signal, method: 'GET', dispatcher: mesh.dispatcher },
        () => new Writable({ write: (_, __, done) => done() }),
      ),
  };
  for (const [name, ask] of Object.entries(entries)) {
    for (const answers of [false, true]) {
      it(`of ${name} ${answers ? 'in the body' : 'before the answer'} ends the call with the reason and closes its connection`, async () => {
        const { promise: asked, resolve } = signalled<Socket>();
        const server = await serve(
          rawServer((socket) => {
            resolve(socket);
            if (answers) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
          }),
        );
        const mesh = meshTo([server.origin]);
        const controller = new AbortController();
        const call = assert.rejects(ask(mesh, controller.signal), (error) => error === OWN);
        const closed = once(await asked, 'close');
        if (answers) await until(() => mesh.inspect().services.users?.endpoints[0]?.latencyMs !== undefined, 'the headers');
        controller.abort(OWN);
        await call;
        await soon(closed, 'the end of the connection');
        await quiet(mesh);
        assert.equal(listeners(controller.signal), 0);
        assert.equal(active(mesh), 0);
      });
    }
  }
});

function* generate(): Generator<Buffer> {
  yield Buffer.from('by');
  yield Buffer.from('tes');
}

async function* asyncGenerate(): AsyncGenerator<Buffer> {
  yield* generate();
}

/** A sink that keeps what is written to it. */
function into(chunks: Buffer[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
}
