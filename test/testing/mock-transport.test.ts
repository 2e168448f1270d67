import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMesh, type MeshErrorCode, standard, staticDiscovery } from '../../src/index.js';
import { type MockAnswer, type MockScript, mockTransport, VirtualClock } from '../../src/testing/index.js';
import { watched } from '../support/virtual-mesh.js';

const ORIGIN = 'http://10.0.0.1:80';

function meshWith(script: MockScript, url = ORIGIN) {
  const clock = new VirtualClock();
  const far = mockTransport({ [ORIGIN]: script });
  const mesh = createMesh({
    discovery: staticDiscovery({ users: [url] }),
    transport: far,
    clock,
    defaults: { policies: standard({ retry: false, circuitBreaker: false }) },
  });
  return { clock, far, mesh };
}

describe('mockTransport', () => {
  it('answers 200 with nothing in it where it was told nothing', async () => {
    const { mesh, far } = meshWith({});
    const response = await mesh.fetch('http://users/');
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '');
    assert.deepEqual({ ...far.counts }, { [ORIGIN]: 1 });
  });

  it('sends text and bytes as they are, and anything else as JSON with its content type', async () => {
    const bodies: [MockAnswer['body'], string, string | null][] = [
      ['text', 'text', null],
      [Uint8Array.of(0x68, 0x69), 'hi', null],
      [{ id: 1 }, '{"id":1}', 'application/json'],
      [[1, 2], '[1,2]', 'application/json'],
      [42, '42', 'application/json'],
      [false, 'false', 'application/json'],
    ];
    for (const [body, text, type] of bodies) {
      const { mesh } = meshWith({ body });
      const response = await mesh.fetch('http://users/');
      assert.equal(await response.text(), text);
      assert.equal(response.headers.get('content-type'), type, String(body));
    }
    const { mesh } = meshWith({ body: { problem: true }, headers: { 'Content-Type': 'application/problem+json' }, status: 422 });
    assert.equal((await mesh.fetch('http://users/')).headers.get('content-type'), 'application/problem+json');
  });

  it('takes its time until the headers, and then until the end of the body', async () => {
    const { mesh, clock } = meshWith({ latencyMs: 30, body: 'whole', bodyMs: 20 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.advance(29);
    assert.equal(call.state, 'waiting');
    await clock.advance(1);
    let text: string | undefined;
    call.response.text().then((all) => {
      text = all;
    });
    await clock.advance(19);
    assert.equal(text, undefined);
    await clock.advance(1);
    assert.equal(text, 'whole');
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.latencyMs?.p50 !== undefined, true);
  });

  it('goes through a list of answers, and stays with the last', async () => {
    const { mesh, far } = meshWith([{ status: 500 }, { status: 404 }, { status: 201 }]);
    const statuses = async () => {
      const all: number[] = [];
      for (let i = 0; i < 4; i++) all.push((await mesh.fetch('http://users/')).status);
      return all;
    };
    assert.deepEqual(await statuses(), [500, 404, 201, 201]);
    // A new list begins at its beginning, however the address is written.
    far.on('http://10.0.0.1', [{ status: 500 }, { status: 202 }]);
    assert.deepEqual(await statuses(), [500, 202, 202, 202]);
    far.on('http://10.0.0.1:80/with/a/path', [{ status: 501 }, { status: 203 }]);
    assert.deepEqual(await statuses(), [501, 203, 203, 203]);
  });

  it('asks a function about each request, which it can read', async () => {
    const { mesh, far } = meshWith(({ method, path, headers, attempt, service }) => ({
      body: { method, path, attempt, service, key: headers['x-key'] },
    }));
    const response = await mesh.fetch('http://users/things?x=1', { method: 'PUT', body: 'a body', headers: { 'X-Key': 'k' } });
    assert.deepEqual(await response.json(), { method: 'PUT', path: '/things?x=1', attempt: 1, service: 'users', key: 'k' });
    const [request] = far.requests;
    assert.equal(await request?.body(), 'a body');
    assert.equal(await request?.body(), 'a body', 'as often as a test wants');
  });

  it('reads a body that is a stream, for each who asks', async () => {
    const { mesh, far } = meshWith({});
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('in '));
        controller.enqueue(new TextEncoder().encode('pieces'));
        controller.close();
      },
    });
    await mesh.fetch('http://users/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    assert.equal(await far.requests[0]?.body(), 'in pieces');
    assert.equal(await far.requests[0]?.body(), 'in pieces');
  });

  it('takes a stream as a server does: what was sent of it cannot be sent again', async () => {
    const clock = new VirtualClock();
    const far = mockTransport({ [ORIGIN]: { fault: 'reset' } });
    const mesh = createMesh({ discovery: staticDiscovery({ users: [ORIGIN] }), transport: far, clock });
    const stream = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('once'));
          controller.close();
        },
      });
    const lost = watched(mesh.fetch('http://users/', { method: 'PUT', body: stream(), duplex: 'half' } as RequestInit));
    await clock.advance(1_000);
    assert.equal(lost.error.attempts.length, 1);
    far.on(ORIGIN, [{ fault: 'refuse' }, {}]);
    const moved = watched(mesh.fetch('http://users/', { method: 'PUT', body: stream(), duplex: 'half' } as RequestInit));
    await clock.advance(1_000);
    assert.equal(moved.response.status, 200);
    assert.equal(await far.requests.at(-1)?.body(), 'once');
  });

  it('fails with the error of a body that breaks', async () => {
    const { mesh, far } = meshWith({});
    const body = new ReadableStream({
      pull() {
        throw new RangeError('the disk is gone');
      },
    });
    await assert.rejects(
      mesh.fetch('http://users/', { method: 'POST', body, duplex: 'half' } as RequestInit),
      new RangeError('the disk is gone'),
    );
    assert.equal(far.open, 0);
  });

  const faults: Record<string, readonly [MeshErrorCode, unsent: boolean]> = {
    refuse: ['ERR_MESH_CONNECT', true],
    reset: ['ERR_MESH_LOST', false],
    garbage: ['ERR_MESH_PROTOCOL', false],
  };
  for (const [fault, [code, unsent]] of Object.entries(faults)) {
    it(`fails as the wire does: ${fault}`, async () => {
      const clock = new VirtualClock();
      const far = mockTransport({ [ORIGIN]: { fault: fault as NonNullable<MockAnswer['fault']>, latencyMs: 5 } });
      const mesh = createMesh({ discovery: staticDiscovery({ users: [ORIGIN] }), transport: far, clock });
      const call = watched(mesh.fetch('http://users/', { method: 'POST', body: 'x' }));
      await clock.advance(1_000);
      assert.equal(call.error.code, code);
      // Only what was never sent is sent again.
      assert.equal(call.error.attempts.length, unsent ? 3 : 1);
      assert.equal(far.open, 0);
    });
  }

  it('hangs until it is cancelled', async () => {
    const { mesh, clock, far } = meshWith({ fault: 'hang' });
    const call = watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 1_000 } }));
    await clock.advance(900);
    assert.equal(far.open, 1);
    await clock.advance(200);
    assert.equal(call.error.code, 'ERR_MESH_TIMEOUT');
    assert.equal(far.open, 0);
  });

  it('breaks off within the body, after half of it', async () => {
    const { mesh, clock, far } = meshWith({ fault: 'resetBody', body: 'one half, the other', bodyMs: 10 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const reader = (call.response.body as ReadableStream<Uint8Array>).getReader();
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'one half, ');
    const rest = assert.rejects(reader.read(), { code: 'ERR_MESH_BODY' });
    await clock.advance(10);
    await rest;
    assert.equal(far.open, 0);
  });

  it('is asked for nothing by a response that is cancelled', async () => {
    const { mesh, clock, far } = meshWith({ body: 'long', bodyMs: 1_000 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    await call.response.body?.cancel();
    assert.equal(far.open, 0);
  });

  it('fails the call with what a function throws', async () => {
    const { mesh, far } = meshWith(() => {
      throw new RangeError('no answer to that');
    });
    await assert.rejects(mesh.fetch('http://users/'), new RangeError('no answer to that'));
    assert.equal(far.open, 0);
  });

  it('does not hear a script for another scheme or port', async () => {
    const { mesh, far } = meshWith({ status: 201 });
    far.on('https://10.0.0.1', { status: 500 });
    far.on('http://10.0.0.1:81', { status: 500 });
    assert.equal((await mesh.fetch('http://users/')).status, 201);
  });
});
