import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createMesh, type Mesh, staticDiscovery } from '../../src/index.js';
import { httpServer, json, type TestServer } from '../support/servers.js';
import { listeners, quiet, signalled, soon } from './support/waiting.js';

/** An abort that comes after the headers: it is the body's end, with the reason that the caller gave. */

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function meshTo(origin: string): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }) });
  open.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

const OWN = new RangeError('enough');

describe('an abort after the headers', { timeout: 60_000 }, () => {
  /** A server that sends `half` of its answer, and no more. `closed`: the connection of the answer is gone. */
  async function halfway(half: string | Buffer): Promise<{ readonly server: TestServer; readonly closed: Promise<unknown> }> {
    const { promise: closed, resolve } = signalled<unknown>();
    const server = await serve(
      httpServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.write(half);
        response.once('close', () => resolve(undefined));
      }),
    );
    return { server, closed };
  }

  for (const [name, read] of Object.entries({
    'text()': (response: Response) => response.text(),
    'json()': (response: Response) => response.json(),
    'arrayBuffer()': (response: Response) => response.arrayBuffer(),
    'the stream': async (response: Response) => {
      for await (const _ of response.body ?? []);
    },
    'both halves of a clone': async (response: Response) => {
      const [one, other] = await Promise.allSettled([response.clone().text(), response.text()]);
      assert.deepEqual(one, other);
      if (one.status === 'rejected') throw one.reason;
    },
  })) {
    it(`fails ${name} with the reason, and closes the connection`, async () => {
      const { server, closed } = await halfway('half');
      const mesh = meshTo(server.origin);
      const controller = new AbortController();
      const response = await mesh.fetch('http://users/', { signal: controller.signal });
      const reading = assert.rejects(read(response), (error) => error === OWN);
      assert.equal(listeners(controller.signal), 1);
      controller.abort(OWN);
      await soon(reading, 'the rejection');
      await soon(closed, 'the end of the connection');
      assert.equal(listeners(controller.signal), 0);
      await quiet(mesh);
    });
  }

  it('fails a body that nobody reads yet, as soon as somebody does', async () => {
    const { server, closed } = await halfway(Buffer.alloc(300_000));
    const controller = new AbortController();
    const response = await meshTo(server.origin).fetch('http://users/', { signal: controller.signal });
    controller.abort(OWN);
    await soon(closed, 'the end of the connection');
    await assert.rejects(response.text(), (error) => error === OWN);
  });

  it('fails a body that has come in full and was not read, as the built-in fetch does', async () => {
    const server = await serve(httpServer((_, response) => json(response, { all: 'of it' })));
    const mesh = meshTo(server.origin);
    const controller = new AbortController();
    const response = await mesh.fetch('http://users/', { signal: controller.signal });
    const builtIn = await fetch(server.origin, { signal: controller.signal });
    await quiet(mesh);
    controller.abort(OWN);
    await assert.rejects(response.json(), (error) => error === OWN);
    // Not every Node hands over the reason here.
    await assert.rejects(builtIn.json());
  });

  it('fails the clones of such a body, and its stream', async () => {
    const server = await serve(httpServer((_, response) => json(response, { all: 'of it' })));
    const mesh = meshTo(server.origin);
    const controller = new AbortController();
    const answers = await Promise.all([1, 2].map(() => mesh.fetch('http://users/', { signal: controller.signal })));
    await quiet(mesh);
    const [cloned, streamed] = answers as [Response, Response];
    const clone = cloned.clone();
    const { body } = streamed;
    controller.abort(null);
    await assert.rejects(clone.text(), (error) => error === null);
    await assert.rejects(cloned.text(), (error) => error === null);
    await assert.rejects(body?.getReader().read() ?? Promise.resolve(), (error) => error === null);
  });

  it('does nothing to a body that was read', async () => {
    const server = await serve(httpServer((_, response) => json(response, { all: 'of it' })));
    const mesh = meshTo(server.origin);
    const controller = new AbortController();
    const response = await mesh.fetch('http://users/', { signal: controller.signal });
    const clone = response.clone();
    assert.deepEqual(await response.json(), { all: 'of it' });
    assert.equal(listeners(controller.signal), 0);
    controller.abort(OWN);
    assert.equal(response.status, 200);
    assert.equal(response.bodyUsed, true);
    assert.equal(clone.bodyUsed, false);
    // A connection is free for the next request in the turn after its answer.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    assert.equal(server.accepted, 1, 'the connection lives on');
  });
});
