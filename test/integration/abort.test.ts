import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { bulkhead, createMesh, type Mesh, type MeshOptions, standard, staticDiscovery } from '../../src/index.js';
import { mockRegistry, VirtualClock } from '../../src/testing/index.js';
import { httpServer, json, rawServer, type TestServer } from '../support/servers.js';
import { deafPort } from './support/deaf-port.js';
import { active, listeners, quiet, signalled, soon, until } from './support/waiting.js';

/**
 * A caller who gives up hears of it at once, wherever the call is, with the reason that he gave; and nothing of the
 * call is left: no socket that waits for it, no listener on his signal, no place taken in a queue.
 */

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function meshTo(origin: string | readonly string[], options: Partial<MeshOptions> = {}): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: [origin].flat() }), ...options });
  open.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

/** A server that accepts requests and leaves them without an answer. */
async function silentServer(): Promise<{ readonly server: TestServer; readonly asked: Promise<Socket> }> {
  const { promise: asked, resolve } = signalled<Socket>();
  return { server: await serve(rawServer((socket) => resolve(socket))), asked };
}

/** Ways to abort, and what their callers are to get. */
const REASONS: Record<string, readonly [abort: (controller: AbortController) => void, isReason: (error: unknown) => boolean]> = {
  'no reason given': [
    (controller) => controller.abort(),
    (error) => error instanceof DOMException && error.name === 'AbortError' && error.code === 20,
  ],
  'an error of the caller': [(controller) => controller.abort(OWN), (error) => error === OWN],
  'a reason that is no error': [(controller) => controller.abort('enough'), (error) => error === 'enough'],
  'a reason of null': [(controller) => controller.abort(null), (error) => error === null],
  'a reason of 0': [(controller) => controller.abort(0), (error) => error === 0],
};
const OWN = new RangeError('enough');

describe('a call that its caller aborts', { timeout: 60_000 }, () => {
  for (const [name, [abort, isReason]] of Object.entries(REASONS)) {
    it(`rejects with the signal's own reason: ${name}`, async () => {
      const { server, asked } = await silentServer();
      const mesh = meshTo(server.origin);
      const controller = new AbortController();
      const before = new AbortController();
      abort(before);
      await assert.rejects(mesh.fetch('http://users/', { signal: before.signal }), isReason);
      assert.equal(server.accepted, 0, 'nothing is sent for a signal that is aborted already');

      const call = assert.rejects(mesh.fetch('http://users/', { signal: controller.signal }), isReason);
      await asked;
      abort(controller);
      await call;
    });
  }

  it('rejects with the TimeoutError of AbortSignal.timeout', async () => {
    const { server } = await silentServer();
    const call = meshTo(server.origin).fetch('http://users/', { signal: AbortSignal.timeout(20) });
    await assert.rejects(call, (error) => error instanceof DOMException && error.name === 'TimeoutError');
  });

  it('takes the reason of whichever signal of AbortSignal.any was first', async () => {
    const { server, asked } = await silentServer();
    const controller = new AbortController();
    const signal = AbortSignal.any([AbortSignal.timeout(60_000), controller.signal]);
    const call = assert.rejects(meshTo(server.origin).fetch('http://users/', { signal }), (error) => error === OWN);
    await asked;
    controller.abort(OWN);
    await call;
  });
});

describe('an abort', { timeout: 60_000 }, () => {
  it('in the queue of a bulkhead gives the place back, and those behind move up', async () => {
    const answers: ServerResponse[] = [];
    const first = signalled();
    const server = await serve(
      httpServer((_, response) => {
        answers.push(response);
        first.resolve();
      }),
    );
    const policies = { perCall: [bulkhead({ concurrency: 1, queue: 2 })] };
    const mesh = meshTo(server.origin, { defaults: { policies } });
    const running = mesh.fetch('http://users/1');
    await first.promise;
    const controller = new AbortController();
    const aborted = assert.rejects(mesh.fetch('http://users/2', { signal: controller.signal }), (error) => error === OWN);
    const behind = mesh.fetch('http://users/3');
    await assert.rejects(mesh.fetch('http://users/4'), { code: 'ERR_MESH_QUEUE_FULL' });
    controller.abort(OWN);
    await aborted;
    assert.equal(listeners(controller.signal), 0);
    const again = mesh.fetch('http://users/5');
    for (const [index, call] of [running, behind, again].entries()) {
      await until(() => answers.length > index, 'the next request');
      answers[index]?.end('ok');
      assert.equal(await (await call).text(), 'ok');
    }
    await quiet(mesh);
  });

  it('while the first list is awaited leaves the registry be, and the next call gets the list', async () => {
    const registry = mockRegistry({ users: [] });
    registry.delay(60_000);
    const clock = new VirtualClock();
    const mesh = createMesh({ discovery: registry, clock });
    const controller = new AbortController();
    const call = assert.rejects(mesh.fetch('http://users/', { signal: controller.signal }), (error) => error === OWN);
    await clock.settle();
    assert.equal(active(mesh), 1);
    controller.abort(OWN);
    await call;
    assert.equal(listeners(controller.signal), 0);
    assert.equal(active(mesh), 0);
    assert.equal(registry.watches, 1);
    await mesh.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('while a connection is being made does not wait for it', async () => {
    const deaf = await deafPort();
    open.push(deaf);
    const mesh = meshTo(`http://127.0.0.1:${deaf.port}`);
    const controller = new AbortController();
    const call = assert.rejects(mesh.fetch('http://users/', { signal: controller.signal }), (error) => error === OWN);
    await until(() => mesh.inspect().services.users?.endpoints[0]?.inFlight === 1, 'the attempt');
    controller.abort(OWN);
    await soon(call, 'the rejection');
    assert.equal(listeners(controller.signal), 0);
    assert.equal(active(mesh), 0);
    const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
    assert.deepEqual([endpoint?.failures, endpoint?.inFlight], [0, 0]);
  });

  it('after the request was written closes its connection, and counts for no failure', async () => {
    const { server, asked } = await silentServer();
    const mesh = meshTo(server.origin);
    const controller = new AbortController();
    const call = assert.rejects(
      mesh.fetch('http://users/', { method: 'POST', body: 'x', signal: controller.signal }),
      (error) => error === OWN,
    );
    const closed = once(await asked, 'close');
    assert.equal(listeners(controller.signal), 1);
    controller.abort(OWN);
    await call;
    await soon(closed, 'the end of the connection');
    assert.equal(listeners(controller.signal), 0);
    const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
    assert.deepEqual([endpoint?.requests, endpoint?.failures, endpoint?.inFlight, endpoint?.state], [1, 0, 0, 'ready']);
  });

  it('between two attempts ends the wait, and sends no more', async () => {
    let requests = 0;
    const server = await serve(
      httpServer((_, response) => {
        requests++;
        response.writeHead(503, { 'retry-after': '20' });
        response.end();
      }),
    );
    const mesh = meshTo(server.origin, { defaults: { policies: standard({ retry: { attempts: 5 } }) } });
    const controller = new AbortController();
    const waiting = signalled();
    mesh.on('retry', () => waiting.resolve());
    const call = assert.rejects(mesh.fetch('http://users/', { signal: controller.signal }), (error) => error === OWN);
    await soon(waiting.promise, 'the backoff');
    controller.abort(OWN);
    await soon(call, 'the rejection', 2_000);
    assert.equal(requests, 1);
    assert.equal(listeners(controller.signal), 0);
    assert.equal(active(mesh), 0);
  });

  it('while the request body is being sent cancels the stream that it comes from', async () => {
    const { server, asked } = await silentServer();
    const mesh = meshTo(server.origin);
    const controller = new AbortController();
    const cancelled = signalled<unknown>();
    const body = new ReadableStream({
      start: (stream) => stream.enqueue(Buffer.from('some')),
      cancel: (reason) => cancelled.resolve(reason),
    });
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
    const call = assert.rejects(mesh.fetch('http://users/', init), (error) => error === OWN);
    const closed = once(await asked, 'close');
    controller.abort(OWN);
    await call;
    assert.equal(await soon(cancelled.promise, 'the end of the stream'), OWN);
    await soon(closed, 'the end of the connection');
  });
});

describe('one signal for many calls', { timeout: 60_000 }, () => {
  it('has no listener left after any of them, answered, failed, redirected or unread', async () => {
    const server = await serve(
      httpServer((request, response) => {
        if (request.url === '/redirect') response.writeHead(302, { location: '/' }).end();
        else if (request.url === '/reset') request.socket.resetAndDestroy();
        else if (request.url === '/empty') response.writeHead(204).end();
        else json(response, {});
      }),
    );
    const mesh = meshTo(server.origin, { defaults: { policies: standard({ retry: false, circuitBreaker: false }) } });
    const { signal } = new AbortController();
    for (const path of ['/', '/redirect', '/reset', '/empty', '/', '/redirect']) {
      const response = await mesh.fetch(`http://users${path}`, { signal }).catch(() => undefined);
      if (path !== '/') await response?.text();
    }
    await assert.rejects(mesh.fetch('http://users/', { signal, headers: { 'a b': 'c' } }));
    await assert.rejects(mesh.fetch('http://users/', { signal, mesh: { nonsense: true } }));
    await quiet(mesh);
    assert.equal(listeners(signal), 0);
  });
});
