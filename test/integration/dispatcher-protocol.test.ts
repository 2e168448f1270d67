import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import * as undici from 'undici';
import { createMesh, type Mesh, type MeshOptions, standard, staticDiscovery } from '../../src/index.js';
import { httpServer, json, rawServer, type TestServer } from '../support/servers.js';
import { quiet, soon, until } from './support/waiting.js';

/** The dispatcher's side of undici's protocols: handlers of both kinds, interceptors, times, sockets that are taken over. */

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function meshTo(origin: string, options: Partial<MeshOptions> = {}): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }), ...options });
  open.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

const GET = { origin: 'http://users', path: '/', method: 'GET' } as const;

describe('a request that takes over its socket', { timeout: 30_000 }, () => {
  /** A server that answers upgrades and CONNECT with `hello`, and says what it was asked for. */
  async function switching(): Promise<{ readonly origin: string; readonly asked: IncomingMessage[] }> {
    const asked: IncomingMessage[] = [];
    const sockets = new Set<Duplex>();
    const server = createServer();
    const take = (answer: string) => (request: IncomingMessage, socket: Duplex) => {
      asked.push(request);
      sockets.add(socket);
      const { 'sec-websocket-key': key = '' } = request.headers;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(answer.replace('{accept}', accept), 'latin1');
    };
    // A text frame of five letters (RFC 6455 section 5.2).
    server.on(
      'upgrade',
      take(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n\x81\x05hello',
      ),
    );
    server.on('connect', take('HTTP/1.1 200 Connection Established\r\n\r\nhello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      close() {
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
        server.close();
      },
    });
    return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  it('gets one of an endpoint, with the base path: a WebSocket', async () => {
    const { origin, asked } = await switching();
    const mesh = meshTo(`${origin}/api`);
    const socket = new undici.WebSocket('ws://users/chat?room=1', { dispatcher: mesh.dispatcher });
    const [message] = (await soon(once(socket, 'message'), 'the message')) as [{ data: string }];
    assert.equal(message.data, 'hello');
    assert.equal(asked[0]?.url, '/api/chat?room=1');
    assert.equal(asked[0]?.headers.host, 'users');
    socket.close();
  });

  it('gets one of an endpoint: undici.upgrade and undici.connect', async () => {
    const { origin, asked } = await switching();
    const mesh = meshTo(origin);
    const upgraded = await undici.upgrade('http://users/up', { dispatcher: mesh.dispatcher, protocol: 'websocket' });
    assert.equal(((await once(upgraded.socket, 'data')) as [Buffer])[0].subarray(2).toString(), 'hello');
    const connected = await mesh.dispatcher.connect({ origin: 'http://users', path: 'db.internal:5432' });
    assert.equal(((await once(connected.socket, 'data')) as [Buffer])[0].toString(), 'hello');
    assert.deepEqual(
      asked.map(({ method, url }) => [method, url]),
      [
        ['GET', '/up'],
        ['CONNECT', 'db.internal:5432'],
      ],
    );
  });

  it('fails as others do: no such service, nobody there, the mesh closed', async () => {
    const gone = await httpServer((_, response) => json(response, {}));
    await gone.close();
    const mesh = meshTo(gone.origin);
    const upgrade = (url: string) => undici.upgrade(url, { dispatcher: mesh.dispatcher });
    await assert.rejects(upgrade('http://nobody/'), { code: 'ERR_MESH_UNKNOWN_SERVICE' });
    await assert.rejects(upgrade('http://users/'), /ECONNREFUSED/);
    await mesh.close();
    await assert.rejects(upgrade('http://users/'), { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(undici.request('http://users/', { dispatcher: mesh.dispatcher }), { code: 'ERR_MESH_CLOSED' });
  });
});

describe('interceptors over mesh.dispatcher', { timeout: 30_000 }, () => {
  it('of undici do what they do over others', async () => {
    let requests = 0;
    const server = await serve(
      httpServer((request, response) => {
        requests++;
        if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
        else if (request.url === '/broken') json(response, { why: 'broken' }, 500);
        else json(response, { url: request.url, own: request.headers['x-own'] });
      }),
    );
    const { dispatcher } = meshTo(server.origin, { defaults: { policies: standard({ retry: false, circuitBreaker: false }) } });
    const { interceptors } = undici;
    const own: undici.Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
      dispatch({ ...options, headers: { 'x-own': '1' } }, handler);

    const composed = dispatcher.compose(own, interceptors.redirect({ maxRedirections: 2 }));
    const { body } = await undici.request('http://users/moved', { dispatcher: composed });
    assert.deepEqual(await body.json(), { url: '/there', own: '1' });

    const strict = dispatcher.compose(interceptors.responseError());
    await assert.rejects(undici.request('http://users/broken', { dispatcher: strict }), { statusCode: 500 });

    requests = 0;
    const retrying = dispatcher.compose(interceptors.retry({ maxRetries: 2, minTimeout: 1, statusCodes: [500] }));
    await assert.rejects(undici.request('http://users/broken', { dispatcher: retrying }), { statusCode: 500 });
    assert.equal(requests, 3);

    requests = 0;
    const agent = new undici.RetryAgent(dispatcher, { maxRetries: 1, minTimeout: 1, statusCodes: [500] });
    await assert.rejects(undici.request('http://users/broken', { dispatcher: agent }), { statusCode: 500 });
    assert.equal(requests, 2);

    requests = 0;
    const cached = dispatcher.compose(interceptors.deduplicate());
    const answers = await Promise.all([1, 2, 3].map(() => undici.request('http://users/same', { dispatcher: cached })));
    for (const answer of answers) assert.deepEqual(await answer.body.json(), { url: '/same' });
    assert.equal(requests, 1);
  });
});

describe('a handler over mesh.dispatcher', { timeout: 30_000 }, () => {
  /** A handler that notes what it is told, and throws where it was told to. */
  function noting(throwsIn?: string): { readonly handler: undici.Dispatcher.DispatchHandler; readonly told: string[] } {
    const told: string[] = [];
    const note = (what: string) => {
      told.push(what);
      if (what === throwsIn) throw new RangeError(`thrown in ${what}`);
    };
    const handler = {
      onConnect: () => note('connect'),
      onHeaders(status: number) {
        note(`headers ${status}`);
        return true;
      },
      onData() {
        note('data');
        return true;
      },
      onComplete: () => note('complete'),
      onError: (error: Error) => told.push(`error ${error.message}`),
    };
    return { handler, told };
  }

  it('of either protocol is told of one request in order', async () => {
    const server = await serve(httpServer((_, response) => response.end('body')));
    const { dispatcher } = meshTo(server.origin);
    const { handler, told } = noting();
    dispatcher.dispatch(GET, handler);
    await until(() => told.includes('complete'), 'the end');
    assert.deepEqual(told, ['connect', 'headers 200', 'data', 'complete']);

    const newer: string[] = [];
    dispatcher.dispatch(GET, {
      onRequestStart: () => newer.push('start'),
      onResponseStart: (_, status, headers) => newer.push(`headers ${status} ${String(headers.connection)}`),
      onResponseData: (_, chunk) => newer.push(chunk.toString()),
      onResponseEnd: () => newer.push('end'),
      onResponseError: (_, error) => newer.push(`error ${error.message}`),
    } as undici.Dispatcher.DispatchHandler);
    await until(() => newer.includes('end'), 'the end');
    assert.deepEqual(newer, ['start', 'headers 200 keep-alive', 'body', 'end']);
  });

  for (const where of ['connect', 'headers 200', 'data', 'complete']) {
    it(`that throws in ${where} is told so once, and nothing is left`, async () => {
      const server = await serve(httpServer((_, response) => response.end('body')));
      const mesh = meshTo(server.origin);
      const { handler, told } = noting(where);
      mesh.dispatcher.dispatch(GET, handler);
      await until(() => told.some((each) => each.startsWith('error')), 'the error');
      assert.equal(told.at(-1), `error thrown in ${where}`);
      assert.deepEqual(told.slice(0, -1), ['connect', 'headers 200', 'data', 'complete'].slice(0, told.length - 1));
      assert.equal((await mesh.fetch('http://users/')).status, 200);
      await quiet(mesh);
    });
  }

  it('that pauses gets the rest when it resumes, and one that aborts then gets its own reason', async () => {
    const server = await serve(httpServer((_, response) => response.end('body')));
    const mesh = meshTo(server.origin);
    for (const gives of ['resume', 'abort']) {
      const told: string[] = [];
      let abort: (reason: Error) => void = () => {};
      let resume = () => {};
      mesh.dispatcher.dispatch(GET, {
        onConnect(given: typeof abort) {
          abort = given;
        },
        onHeaders(_status: number, _headers: Buffer[], given: () => void) {
          resume = given;
          told.push('headers');
          return false;
        },
        onData: (chunk: Buffer) => told.push(chunk.toString()) > 0,
        onComplete: () => told.push('complete'),
        onError: (error: Error) => told.push(`error ${error.message}`),
      } as undici.Dispatcher.DispatchHandler);
      await until(() => told.includes('headers'), 'the headers');
      await quiet(mesh);
      assert.deepEqual(told, ['headers']);
      if (gives === 'resume') resume();
      else abort(new RangeError('enough'));
      assert.deepEqual(told, gives === 'resume' ? ['headers', 'body', 'complete'] : ['headers', 'error enough']);
      resume();
      abort(new RangeError('again'));
      assert.equal(told.length, gives === 'resume' ? 3 : 2);
    }
  });

  it('that aborts as soon as it may has nothing sent for it', async () => {
    const server = await serve(httpServer((_, response) => response.end('body')));
    const mesh = meshTo(server.origin);
    const told: string[] = [];
    mesh.dispatcher.dispatch(GET, {
      onConnect: (abort: () => void) => abort(),
      onHeaders: () => told.push('headers') > 0,
      onError: (error: Error & { code?: string }) => told.push(`${error.name} ${error.code}`),
    } as unknown as undici.Dispatcher.DispatchHandler);
    await until(() => told.length > 0, 'the error');
    assert.deepEqual(told, ['AbortError UND_ERR_ABORTED']);
    assert.equal(server.accepted, 0);
  });
});

describe("undici's own times", { timeout: 30_000 }, () => {
  it('are the times of the attempt and of the body', async () => {
    const silent = await serve(
      rawServer((socket: Socket, bytes) => {
        if (bytes.toString().includes('/body')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
      }),
    );
    const mesh = meshTo(silent.origin, { defaults: { policies: standard({ retry: false }) } });
    const { dispatcher } = mesh;
    await assert.rejects(undici.request('http://users/', { dispatcher, headersTimeout: 30 }), { code: 'ERR_MESH_ATTEMPT_TIMEOUT' });
    const { body } = await undici.request('http://users/body', { dispatcher, headersTimeout: 0, bodyTimeout: 30 });
    await assert.rejects(body.text(), { code: 'ERR_MESH_BODY_IDLE' });
  });

  it('are refused by a stack that keeps no time', async () => {
    const server = await serve(httpServer((_, response) => response.end('body')));
    const { dispatcher } = meshTo(server.origin, { defaults: { policies: {} } });
    await assert.rejects(undici.request('http://users/', { dispatcher, headersTimeout: 30 }), {
      code: 'ERR_MESH_REQUEST',
      message: /need a timeout in the stack/,
    });
    assert.equal((await undici.request('http://users/', { dispatcher })).statusCode, 200);
  });
});
