import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { systemClock } from '../../src/core/clock.js';
import { HttpClient } from '../../src/registries/http-client.js';
import { RegistryError } from '../../src/registries/registry-error.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

async function serve(test: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(test: TestContext, clock = systemClock): HttpClient {
  const subject = new HttpClient({ source: 'consul', clock, advice: 'set address' });
  test.after(() => subject.close());
  return subject;
}

describe('a request to a registry', () => {
  it("goes to the path below the server's own, with its headers, its body and the credentials of the URL", async (test) => {
    const seen: unknown[] = [];
    const address = await serve(test, async (request, response) => {
      const { method, url, headers } = request;
      seen.push([method, url, headers.authorization, headers['x-token'], headers['content-length'], await text(request)]);
      response.writeHead(201, { 'x-index': '7' }).end('{"a":"ä"}');
    });
    const { status, headers, body } = await client(test).request({
      server: `http://user:secret@${address}/base/`,
      path: '/v1/x?y=1',
      method: 'PUT',
      headers: { 'x-token': 't' },
      body: 'ä',
      timeoutMs: 5_000,
    });
    assert.deepEqual([status, headers['x-index'], body], [201, '7', '{"a":"ä"}']);
    assert.deepEqual(seen, [['PUT', '/base/v1/x?y=1', `Basic ${Buffer.from('user:secret').toString('base64')}`, 't', '2', 'ä']]);
  });

  it('keeps its connection for the next one', async (test) => {
    const ports = new Set<unknown>();
    const address = await serve(test, (request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    });
    const subject = client(test);
    for (let i = 0; i < 3; i++) await subject.request({ server: `http://${address}`, path: '/', timeoutMs: 5_000 });
    assert.equal(ports.size, 1);
  });

  it('fails with the server, the reason and what to set, and without the credentials, when nobody listens', async (test) => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    taken.close();
    const asked = client(test).request({ server: `http://user:hunter2@127.0.0.1:${port}`, path: '/v1/x', timeoutMs: 5_000 });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof RegistryError);
      assert.match(
        error.message,
        new RegExp(`^consul at http://127\\.0\\.0\\.1:${port} could not be asked \\(connect ECONNREFUSED.*\\): set address$`),
      );
      assert.doesNotMatch(inspect(error), /hunter2/);
      return true;
    });
  });

  it('fails when there is no whole answer in its time, and leaves no timer', async (test) => {
    const address = await serve(test, (request, response) => {
      if (request.url !== '/silent') response.writeHead(200).write('the beginning');
    });
    const clock = new VirtualClock();
    const subject = client(test, clock);
    for (const path of ['/silent', '/slow']) {
      const asked = subject.request({ server: `http://${address}`, path: `${path}?token=hunter2`, timeoutMs: 2_000 });
      const failed = assert.rejects(asked, {
        name: 'RegistryError',
        message: `consul at http://${address} did not answer GET ${path} within 2000 ms: set address`,
      });
      await clock.advance(2_000);
      await failed;
      assert.equal(clock.pendingTimers, 0);
    }
  });

  it('ends with the reason of its signal', async (test) => {
    const address = await serve(test, () => {});
    const controller = new AbortController();
    const asked = client(test).request({ server: `http://${address}`, path: '/', timeoutMs: 60_000, signal: controller.signal });
    const reason = new Error('nobody watches any more');
    controller.abort(reason);
    await assert.rejects(asked, reason);
  });

  it('fails when the answer breaks off', async (test) => {
    const address = await serve(test, (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x', () => response.destroy());
    });
    const asked = client(test).request({ server: `http://${address}`, path: '/', timeoutMs: 5_000 });
    await assert.rejects(asked, /^RegistryError: consul at .* could not be asked \(aborted\)/);
  });
});

describe('a stream from a registry', () => {
  it('has a bound for its headers and none for its body', async (test) => {
    let end = (): void => {};
    const address = await serve(test, (_, response) => {
      response.writeHead(200).write('a');
      end = () => response.end('b');
    });
    const clock = new VirtualClock();
    const message = await client(test, clock).stream({ server: `http://${address}`, path: '/', timeoutMs: 1_000 });
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(600_000);
    end();
    assert.equal(await text(message), 'ab');
  });

  it('is destroyed when its signal is aborted, or the client is closed', async (test) => {
    const address = await serve(test, (_, response) => {
      response.writeHead(200).write('a');
    });
    const subject = client(test);
    const controller = new AbortController();
    const request = { server: `http://${address}`, path: '/', timeoutMs: 5_000 };
    const aborted = await subject.stream({ ...request, signal: controller.signal });
    controller.abort();
    await assert.rejects(text(aborted));
    const closed = await subject.stream(request);
    subject.close();
    await assert.rejects(text(closed));
  });
});
