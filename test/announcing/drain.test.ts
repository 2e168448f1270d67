import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../src/index.js';
import { until } from '../discovery/recording-sink.js';
import { track } from '../discovery/scripted-source.js';
import { ask, child, keepAliveClient, listening, meshOfTest, portOf } from './served.js';

/** A server whose answers wait until the test lets them go. */
async function slowServer(test: TestContext) {
  const waiting: ServerResponse[] = [];
  const server = await listening(
    test,
    createServer((request, response) => {
      if (request.url === '/now') response.end('now');
      else waiting.push(response);
    }),
  );
  return { server, waiting, port: portOf(server) };
}

describe('a drain', () => {
  it('leaves the registry first, serves meanwhile, and closes when what was under way has ended', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const { server, waiting, port } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const client = keepAliveClient(test, port);
    assert.equal((await client({ path: '/now' })).connection, 'keep-alive');
    const slow = client();
    await until(() => waiting.length === 1, 'the request');
    assert.equal(announced.inFlight, 1);

    const draining = announced.drain({ propagationMs: 300, timeoutMs: 5_000 });
    assert.equal(server.listening, true);
    await until(() => readdirSync(folder).length === 0, 'the end of the entry');
    assert.equal(server.listening, true, 'it still serves those who have not heard');
    assert.deepEqual(await ask(port, { path: '/now' }), { status: 200, connection: 'close', body: 'now' });
    assert.equal((await client({ path: '/now' })).connection, 'close', 'connections are given up');

    await until(() => !server.listening, 'the end of listening');
    assert.equal(announced.inFlight, 1, 'what is under way goes on');
    waiting[0]?.end('late');
    const answer = await slow;
    assert.deepEqual(answer, { status: 200, connection: 'close', body: 'late' });
    const result = await draining;
    assert.deepEqual(result, { finished: 3, cut: 0, removed: true });
    assert.deepEqual(await announced.drained, result);
    assert.equal(await announced.drain(), result, 'once is enough');
    assert.equal(server.listenerCount('request'), 1);
    await assert.rejects(ask(port), /ECONNREFUSED/);
  });

  it('closes connections that are kept by clients who ask nothing, and those that never asked', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server, port } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const client = keepAliveClient(test, port);
    await client({ path: '/now' });
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    const startedMs = performance.now();
    const closed = once(silent, 'close');
    silent.resume();
    assert.deepEqual(await announced.drain({ propagationMs: 0, timeoutMs: 20_000 }), { finished: 0, cut: 0, removed: true });
    await closed;
    assert.ok(performance.now() - startedMs < 5_000, 'it does not wait out its time for them');
  });

  it('cuts what is still under way when its time is over, upgraded connections too, and says how many', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server, waiting, port } = await slowServer(test);
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n');
    });
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const cut = assert.rejects(ask(port), /socket hang up|ECONNRESET/);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n');
    await once(socket, 'data');
    await until(() => waiting.length === 1, 'the request');
    assert.equal(announced.inFlight, 2);
    const ended = once(socket, 'close');
    assert.deepEqual(await announced.drain({ propagationMs: 0, timeoutMs: 100 }), { finished: 0, cut: 2, removed: true });
    await Promise.all([cut, ended]);
    assert.equal(announced.inFlight, 0);
  });

  it('does not make a server answer upgrades that did not before', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server, port } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const headers = { connection: 'upgrade', upgrade: 'chat' };
    assert.equal((await ask(port, { path: '/now', headers })).status, 200);
    const upgrade = () => {};
    server.on('upgrade', upgrade);
    assert.equal(server.listenerCount('upgrade'), 2);
    server.off('upgrade', upgrade);
    assert.equal(server.listenerCount('upgrade'), 0);
    assert.equal((await ask(port, { path: '/now', headers })).status, 200);
  });

  it('counts requests that ask before they send their body', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server, port } = await slowServer(test);
    const held: ServerResponse[] = [];
    server.on('checkContinue', (_request, response: ServerResponse) => held.push(response));
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const asked = ask(port, { method: 'POST', headers: { expect: '100-continue' } });
    await until(() => held.length === 1, 'the request');
    assert.equal(announced.inFlight, 1);
    held[0]?.end('no need');
    assert.equal((await asked).body, 'no need');
    await until(() => announced.inFlight === 0, 'the end of the request');
  });

  it('forgets a request whose client went away, and does not count it as finished', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server, waiting, port } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const controller = new AbortController();
    const aborted = assert.rejects(ask(port, { signal: controller.signal }));
    await until(() => waiting.length === 1, 'the request');
    const draining = announced.drain({ propagationMs: 0, timeoutMs: 20_000 });
    await until(() => !server.listening, 'the end of listening');
    controller.abort();
    await aborted;
    assert.deepEqual(await draining, { finished: 0, cut: 0, removed: true });
  });

  it('lets the streams of HTTP/2 end, and ends their sessions', async (test) => {
    const { mesh } = meshOfTest(test);
    const held: { end(text: string): unknown }[] = [];
    const server = await listening(
      test,
      createHttp2Server((_request, response) => held.push(response)),
    );
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const session = connectHttp2(`http://127.0.0.1:${portOf(server)}`);
    test.after(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    stream.setEncoding('utf8');
    await until(() => held.length === 1, 'the stream');
    assert.equal(announced.inFlight, 1);
    const draining = announced.drain({ propagationMs: 0, timeoutMs: 20_000 });
    await once(session, 'goaway');
    const closed = once(session, 'close');
    held[0]?.end('late');
    assert.deepEqual(await stream.toArray(), ['late']);
    assert.deepEqual(await draining, { finished: 1, cut: 0, removed: true });
    await closed;
  });

  it('goes on when the registry cannot be told, and says so', async (test) => {
    const { mesh } = meshOfTest(test, {
      discovery: {
        name: 'gone',
        watch: () => () => {},
        announce: async ({ url }) => ({ id: url, close: () => Promise.reject(new Error('connection refused')) }),
      },
    });
    const { server } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    assert.deepEqual(await announced.drain({ propagationMs: 0 }), { finished: 0, cut: 0, removed: false });
    assert.equal(server.listening, false);
  });

  it('waits for as long as the registry says that the news takes', async (test) => {
    const { mesh } = meshOfTest(test, {
      discovery: {
        name: 'slow',
        propagationMs: 400,
        watch: () => () => {},
        announce: async ({ url }) => ({ id: url, close: async () => {} }),
      },
    });
    const { server } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.ready;
    const startedMs = performance.now();
    await announced.drain();
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > 390 && tookMs < 1_900, `${tookMs}`);
  });

  it('ends a server that never came to listen', async (test) => {
    const { mesh } = meshOfTest(test);
    const server = createServer();
    const announced = mesh.announceServer(server, { service: 'users' });
    assert.deepEqual(await announced.drain({ propagationMs: 0 }), { finished: 0, cut: 0, removed: true });
  });

  it('refuses bad options, and drains all the same when it is asked again', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server } = await slowServer(test);
    const announced = mesh.announceServer(server, { service: 'users' });
    assert.throws(
      () => announced.drain({ timeoutMs: -1 }),
      (error) => error instanceof ConfigError && error.path === 'drain.timeoutMs',
    );
    assert.equal(server.listening, true);
    const drained = track(announced.drained);
    await announced.drain({ propagationMs: 0 });
    assert.equal(drained.state, 'done');
  });
});

const SCRIPT = fileURLToPath(new URL('./drained-process.js', import.meta.url));

describe('SIGTERM', () => {
  it('drains, runs the listeners of others, and lets the process end by itself', async (test) => {
    const { folder, mesh } = meshOfTest(test);
    const server = child(test, SCRIPT, [folder]);
    const said: unknown[] = [];
    server.on('message', (message) => said.push(message));
    await until(() => said.length > 0, 'the start');
    await mesh.ready(['users']);
    const slow = mesh.fetch('http://users/slow');
    await until(() => said.includes('asked'), 'the request');
    server.kill('SIGTERM');
    const [code, signal] = await once(server, 'exit');
    assert.deepEqual([code, signal], [0, null]);
    assert.equal(await (await slow).text(), 'late');
    assert.deepEqual(said.slice(1), ['asked', 'heard SIGTERM too', { finished: 1, cut: 0, removed: true }, { listeners: 1 }]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is left alone unless it was asked for, and after the announcement was taken back', async (test) => {
    const { mesh } = meshOfTest(test);
    const { server } = await slowServer(test);
    const before = process.listenerCount('SIGTERM');
    const plain = mesh.announceServer(server, { service: 'users' });
    assert.equal(process.listenerCount('SIGTERM'), before);
    await plain.close();
    const listeningToo = mesh.announceServer(server, { service: 'users', drainOnSigterm: true });
    assert.equal(process.listenerCount('SIGTERM'), before + 1);
    await listeningToo.close();
    assert.equal(process.listenerCount('SIGTERM'), before);
  });
});
