import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Call } from '../../src/core/call.js';
import { systemClock } from '../../src/core/clock.js';
import { Endpoint } from '../../src/core/endpoint.js';
import { MeshError } from '../../src/core/errors.js';
import { systemRandom } from '../../src/core/random.js';
import type { Reply } from '../../src/core/reply.js';
import type { RequestBody } from '../../src/core/request-body.js';
import { connectionOptions } from '../../src/transport/connection-options.js';
import type { Connection } from '../../src/transport/transport.js';
import { undiciTransport } from '../../src/transport/undici.js';
import { httpServer, json, rawServer, type TestServer } from '../support/servers.js';

const open: { close(): unknown }[] = [];
after(async () => {
  for (const each of open.reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function connect(
  port: number,
  { basePath = '', max = 4, connectTimeoutMs = 1_000, idleMs = 4_000 } = {},
): { connection: Connection; endpoint: Endpoint } {
  const endpoint = new Endpoint({
    id: `127.0.0.1:${port}`,
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    basePath,
    weight: 1,
    priority: 0,
    zone: undefined,
    metadata: {},
  });
  const connections = connectionOptions('connections', { max, connectTimeoutMs, idleMs });
  const connection = undiciTransport().connect(endpoint, {
    service: 'users',
    clock: systemClock,
    random: systemRandom,
    connections,
    tls: undefined,
    inMeshContext: (work) => work(),
  });
  open.push(connection);
  return { connection, endpoint };
}

function newCall(endpoint: Endpoint, init: { method?: string; path?: string; body?: RequestBody; headers?: string[] } = {}): Call {
  const { method = 'GET', path = '/', body, headers = [] } = init;
  const call = new Call({ service: 'users', method, path, headers, body, idempotent: method === 'GET' });
  call.endpoint = endpoint;
  return call;
}

function textOf(reply: Reply): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    reply.read({ chunk: (bytes) => chunks.push(bytes) > 0, end: () => resolve(Buffer.concat(chunks).toString()), error: reject });
  });
}

function isError(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MeshError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

describe('the undici transport', () => {
  it('carries a request and its answer, with the base path of the endpoint in front', async () => {
    const server = await serve(httpServer((request, response) => json(response, { url: request.url, host: request.headers.host })));
    const { connection, endpoint } = connect(server.port, { basePath: '/api' });
    const call = newCall(endpoint, { path: '/users?x=1', headers: ['host', 'users'] });
    const reply = await connection.send(call);
    assert.equal(reply.status, 200);
    assert.equal(reply.header('content-type'), 'application/json');
    assert.deepEqual(JSON.parse(await textOf(reply)), { url: '/api/users?x=1', host: 'users' });
    assert.equal(call.progress, 'answered');
    assert.ok(call.latencyMs > 0);
  });

  it('uses a connection again from the tick on in which its answer ended', async () => {
    const server = await serve(httpServer((_, response) => json(response, {})));
    const { connection, endpoint } = connect(server.port);
    for (let i = 0; i < 20; i++) await textOf(await connection.send(newCall(endpoint)));
    assert.equal(server.accepted, 1);
  });

  it('prefers the connection used last, so that what many needed at once closes when one is enough', async () => {
    const server = await serve(httpServer((_, response) => json(response, {})));
    const { connection, endpoint } = connect(server.port, { max: 8, idleMs: 50 });
    const get = async () => textOf(await connection.send(newCall(endpoint)));
    await Promise.all(Array.from({ length: 8 }, get));
    assert.equal(server.accepted, 8);
    while (server.sockets.size > 1) await get();
    assert.equal(server.accepted, 8);
  });

  it('does not take what a server sent unasked for the answer to the next request', async () => {
    const answer = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    const server = await serve(
      rawServer((socket, bytes) => {
        const path = bytes.toString().split(' ')[1] as string;
        if (path.endsWith('0')) socket.write(answer(path) + answer('unasked'));
        else socket.write(answer(path));
      }),
    );
    for (const max of [1, 4]) {
      const { connection, endpoint } = connect(server.port, { max });
      const get = async (path: string) => assert.equal(await textOf(await connection.send(newCall(endpoint, { path }))), path);
      for (let i = 0; i < 30; i++) await get(`/${i}`);
      await Promise.all(Array.from({ length: 30 }, (_, i) => get(`/${i}`)));
    }
  });

  it('has the connection free again that a request was refused on', async () => {
    const server = await serve(httpServer((_, response) => json(response, {})));
    const { connection, endpoint } = connect(server.port, { max: 1 });
    for (let i = 0; i < 3; i++) {
      await assert.rejects(connection.send(newCall(endpoint, { headers: ['transfer-encoding', 'chunked'] })), { code: 'ERR_MESH_REQUEST' });
      await textOf(await connection.send(newCall(endpoint)));
    }
    assert.equal(server.accepted, 1);
  });

  it('makes a new connection for a request that finds the old one closing', async () => {
    const server = await serve(httpServer((_, response) => json(response.setHeader('connection', 'close'), {})));
    const { connection, endpoint } = connect(server.port, { max: 2 });
    for (let i = 0; i < 10; i++) await textOf(await connection.send(newCall(endpoint)));
    await Promise.all(Array.from({ length: 10 }, async () => textOf(await connection.send(newCall(endpoint)))));
    assert.equal(server.accepted, 20);
  });

  it('says that nothing was sent when no connection could be made', async () => {
    const server = await httpServer((_, response) => json(response, {}));
    await server.close();
    const { connection, endpoint } = connect(server.port);
    const call = newCall(endpoint);
    await assert.rejects(
      connection.send(call),
      isError('ERR_MESH_CONNECT', /users: cannot connect to http:\/\/127.0.0.1:\d+: .*ECONNREFUSED/),
    );
    assert.equal(call.progress, 'unsent');
  });

  it('lists every address that happy eyeballs tried', async () => {
    const server = await httpServer((_, response) => json(response, {}));
    await server.close();
    const endpoint = new Endpoint({
      id: 'localhost',
      protocol: 'http:',
      hostname: 'localhost',
      port: server.port,
      basePath: '',
      weight: 1,
      priority: 0,
      zone: undefined,
      metadata: {},
    });
    const connection = undiciTransport().connect(endpoint, {
      service: 'users',
      clock: systemClock,
      random: systemRandom,
      connections: connectionOptions('connections'),
      tls: undefined,
      inMeshContext: (work) => work(),
    });
    open.push(connection);
    await assert.rejects(connection.send(newCall(endpoint)), isError('ERR_MESH_CONNECT', /ECONNREFUSED \S*\d/));
  });

  it('says that a request was lost when the connection is reset after it was written', async () => {
    const server = await serve(rawServer((socket) => socket.resetAndDestroy()));
    const { connection, endpoint } = connect(server.port);
    const call = newCall(endpoint);
    await assert.rejects(connection.send(call), isError('ERR_MESH_LOST', /closed the connection before it answered/));
    assert.equal(call.progress, 'sent');
  });

  it('says so when the answer is not HTTP', async () => {
    const server = await serve(rawServer((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n')));
    const { connection, endpoint } = connect(server.port);
    await assert.rejects(connection.send(newCall(endpoint)), isError('ERR_MESH_PROTOCOL', /did not answer in HTTP/));
  });

  it('reports a body that breaks off to its reader', async () => {
    const server = await serve(
      rawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.resetAndDestroy());
      }),
    );
    const { connection, endpoint } = connect(server.port);
    const reply = await connection.send(newCall(endpoint));
    await assert.rejects(textOf(reply), isError('ERR_MESH_BODY', /broke off its answer/));
    assert.equal(reply.ending, 'failed');
  });

  it('passes over informational answers', async () => {
    const server = await serve(
      rawServer((socket) => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')),
    );
    const { connection, endpoint } = connect(server.port);
    const reply = await connection.send(newCall(endpoint));
    assert.equal(reply.status, 200);
    assert.equal(await textOf(reply), 'ok');
  });

  it('rejects at once with the reason of a cancellation, before and after the headers', async () => {
    const server = await serve(
      httpServer((request, response) => {
        if (request.url === '/body') response.write('x'.repeat(100));
      }),
    );
    const { connection, endpoint } = connect(server.port);
    const waiting = newCall(endpoint);
    const answer = connection.send(waiting);
    waiting.cancel(new Error('gave up'));
    await assert.rejects(answer, /gave up/);
    const reading = newCall(endpoint, { path: '/body' });
    const reply = await connection.send(reading);
    const body = textOf(reply);
    reading.cancel(new Error('gave up reading'));
    await assert.rejects(body, /gave up reading/);
    await server.idle();
  });

  it('does not send a request that was cancelled while it waited for a connection', async () => {
    const seen: string[] = [];
    let finish = () => {};
    const server = await serve(
      httpServer((request, response) => {
        seen.push(request.url ?? '');
        finish = () => json(response, {});
      }),
    );
    const { connection, endpoint } = connect(server.port, { max: 1 });
    const first = connection.send(newCall(endpoint, { path: '/first' }));
    const queued = newCall(endpoint, { path: '/queued' });
    const second = connection.send(queued);
    queued.cancel(new Error('gave up'));
    await assert.rejects(second, /gave up/);
    assert.equal(queued.progress, 'unsent');
    while (seen.length === 0) await turn();
    finish();
    await textOf(await first);
    const third = connection.send(newCall(endpoint, { path: '/third' }));
    while (seen.length === 1) await turn();
    finish();
    await textOf(await third);
    assert.deepEqual(seen, ['/first', '/third']);
  });

  it('sends a stream with the length that is known, and surfaces its own error unchanged', async () => {
    const server = await serve(
      httpServer(async (request, response) => {
        let length = 0;
        try {
          for await (const chunk of request) length += (chunk as Buffer).length;
        } catch {
          return;
        }
        json(response, { length, header: request.headers['content-length'] });
      }),
    );
    const { connection, endpoint } = connect(server.port);
    const fine: RequestBody = {
      replayable: false,
      length: 6,
      open: () => Readable.from([Buffer.from('abc'), Buffer.from('def')]),
      discard() {},
    };
    const reply = await connection.send(newCall(endpoint, { method: 'POST', body: fine }));
    assert.deepEqual(JSON.parse(await textOf(reply)), { length: 6, header: '6' });
    const broken: RequestBody = {
      replayable: false,
      length: undefined,
      async *open() {
        yield Buffer.from('abc');
        throw new RangeError('the source of the body broke');
      },
      discard() {},
    };
    await assert.rejects(
      connection.send(newCall(endpoint, { method: 'POST', body: broken })),
      new RangeError('the source of the body broke'),
    );
  });

  it('refuses a request that HTTP cannot carry, before it is sent', async () => {
    const server = await serve(httpServer((_, response) => json(response, {})));
    const { connection, endpoint } = connect(server.port);
    const call = newCall(endpoint, { headers: ['x-bad', 'a\nb'] });
    await assert.rejects(connection.send(call), isError('ERR_MESH_REQUEST', /the request cannot be sent: invalid x-bad header/));
    assert.equal(server.accepted, 0);
  });

  it('pauses the socket of a body that nobody reads, and goes on when somebody does', async () => {
    const size = 4 * 1024 * 1024;
    let written = 0;
    const server = await serve(
      httpServer((_, response) => {
        const chunk = Buffer.alloc(64 * 1024);
        const more = () => {
          while (written < size) {
            written += chunk.length;
            if (!response.write(chunk)) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      }),
    );
    const { connection, endpoint } = connect(server.port);
    const reply = await connection.send(newCall(endpoint));
    let before = -1;
    // The kernel's buffers fill up, then nothing moves any more.
    for (let still = 0; still < 50; ) {
      await turn();
      still = written === before ? still + 1 : 0;
      before = written;
    }
    assert.ok(written < size, 'the whole body went into memory');
    assert.equal((await textOf(reply)).length, size);
  });

  it('opens no more connections than it may, and makes new ones after it has let go of idle ones', async () => {
    let concurrent = 0;
    let most = 0;
    const server = await serve(
      httpServer(async (_, response) => {
        most = Math.max(most, ++concurrent);
        await turn();
        concurrent--;
        json(response, {});
      }),
    );
    const { connection, endpoint } = connect(server.port, { max: 3 });
    await Promise.all(Array.from({ length: 30 }, async () => textOf(await connection.send(newCall(endpoint)))));
    assert.ok(most <= 3, `${most} at once`);
    assert.ok(server.accepted <= 3);
  });
});
