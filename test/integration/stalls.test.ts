import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type CallOptions,
  createMesh,
  type Mesh,
  MeshError,
  type MeshErrorCode,
  type ServiceOptions,
  standard,
  staticDiscovery,
  TimeoutError,
} from '../../src/index.js';
import { until } from '../support/replicas.js';
import { httpServer, rawServer, type TestServer } from '../support/servers.js';

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const there = await server;
  started.push(there);
  return there;
}

function meshOf(url: string, defaults: ServiceOptions = {}): Mesh {
  const mesh = createMesh({
    discovery: staticDiscovery({ users: [url] }),
    defaults: { policies: standard({ retry: false }), ...defaults },
  });
  started.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

/** Where a server falls silent, and what it has sent by then. */
const PHASES: Record<string, { readonly sends: string; readonly scheme?: 'https:' }> = {
  'in the TLS handshake': { sends: '', scheme: 'https:' },
  'before the headers': { sends: '' },
  'within the status line': { sends: 'HTTP/1.1 20' },
  'within the headers': { sends: 'HTTP/1.1 200 OK\r\ncontent-type: text/pl' },
  'after an informational answer': { sends: 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n' },
};

const BODY_PHASES: Record<string, string> = {
  'before the body': 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n',
  'within the body': 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf',
  'within a chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf',
  'between two chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n',
};

async function stalling(sends: string, scheme = 'http:'): Promise<{ server: TestServer; mesh: Mesh }> {
  const server = await serve(rawServer((socket: Socket) => sends !== '' && socket.write(sends)));
  return { server, mesh: meshOf(server.origin.replace('http:', scheme)) };
}

function isTimeout(code: MeshErrorCode, hint: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TimeoutError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, hint);
    return true;
  };
}

/**
 * Nothing of the first `calls` calls is left, here or there: each had a connection, and that is closed. (undici
 * makes a new one in place of each that it had to cut off; an idle one may thus be there.)
 */
async function assertGone(mesh: Mesh, server: TestServer, calls: number): Promise<void> {
  await until(() => server.accepted - server.sockets.size >= calls, 'the connection is closed', 2_000);
  const { users } = mesh.inspect().services;
  assert.equal(users?.active, 0);
  assert.equal(users?.endpoints[0]?.inFlight, 0);
}

const DEADLINE = /deadline that the call was given \(mesh: \{ deadlineMs: \d+ \}/;

describe('a server that falls silent', () => {
  for (const [where, { sends, scheme }] of Object.entries(PHASES)) {
    const limits: [string, () => CallOptions, MeshErrorCode, RegExp][] = [
      ['attempt', () => ({ attemptTimeoutMs: 60 }), 'ERR_MESH_ATTEMPT_TIMEOUT', /attemptTimeoutMs: 60\); change it with attemptTimeoutMs/],
      ['call', () => ({ timeoutMs: 60 }), 'ERR_MESH_TIMEOUT', /timeoutMs: 60\); change it with timeoutMs/],
      ['deadline', () => ({ deadlineMs: Date.now() + 60 }), 'ERR_MESH_DEADLINE', DEADLINE],
    ];
    it(`${where} is left in time, and the error says which time it was`, async () => {
      const { server, mesh } = await stalling(sends, scheme);
      for (const [, options, code, hint] of limits)
        await assert.rejects(mesh.fetch('http://users/', { mesh: options() }), isTimeout(code, hint));
      await mesh.close({ graceMs: 0 });
      await until(() => server.sockets.size === 0, 'every connection is closed', 1_000);
    });
  }

  for (const [where, sends] of Object.entries(BODY_PHASES)) {
    it(`${where} keeps the time between bytes or the deadline, and no other`, async () => {
      const { server, mesh } = await stalling(sends);
      const timeouts = { timeoutMs: 30, attemptTimeoutMs: 30 };
      const idle = await mesh.fetch('http://users/', { mesh: { ...timeouts, bodyIdleTimeoutMs: 120 } });
      await assert.rejects(idle.text(), isTimeout('ERR_MESH_BODY_IDLE', /bodyIdleTimeoutMs: 120; change it with bodyIdleTimeoutMs/));
      await assertGone(mesh, server, 1);
      const late = await mesh.fetch('http://users/', { mesh: { ...timeouts, deadlineMs: Date.now() + 120 } });
      await assert.rejects(late.text(), isTimeout('ERR_MESH_DEADLINE', DEADLINE));
      await assertGone(mesh, server, 2);
    });
  }

  it('ends the body of a caller who reads it as a stream, and of one who does not read', async () => {
    const { server, mesh } = await stalling(BODY_PHASES['within the body'] as string);
    const read = await mesh.fetch('http://users/', { mesh: { bodyIdleTimeoutMs: 80 } });
    const reader = read.body?.getReader();
    assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'half');
    await assert.rejects(reader?.read() ?? Promise.resolve(), isTimeout('ERR_MESH_BODY_IDLE', /stood still/));
    const unread = await mesh.fetch('http://users/', { mesh: { bodyIdleTimeoutMs: 80 } });
    assert.equal(unread.ok, true);
    await assertGone(mesh, server, 2);
    await assert.rejects(unread.text(), isTimeout('ERR_MESH_BODY_IDLE', /stood still/));
  });
});

describe('an answer that flows', () => {
  it('lives as long as it does, far beyond the times of call and attempt', async () => {
    const server = await serve(
      httpServer(async (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let i = 0; i < 20; i++) {
          response.write(`data: ${i}\n\n`);
          await wait(15);
        }
        response.end();
      }),
    );
    const mesh = meshOf(server.origin);
    const startedMs = performance.now();
    const response = await mesh.fetch('http://users/', { mesh: { timeoutMs: 100, attemptTimeoutMs: 100, bodyIdleTimeoutMs: 200 } });
    const seen: string[] = [];
    const arrivals: number[] = [];
    for await (const chunk of response.body ?? []) {
      seen.push(Buffer.from(chunk).toString());
      arrivals.push(performance.now() - startedMs);
    }
    assert.equal(seen.join(''), Array.from({ length: 20 }, (_, i) => `data: ${i}\n\n`).join(''));
    assert.ok((arrivals.at(-1) ?? 0) > 250, 'it took longer than any time but the one between bytes');
    assert.ok(arrivals.length >= 10 && (arrivals[0] ?? 0) < 200, 'events came as they were sent');
  });

  it('to a reader who is slow is slowed down, and not cut off', async () => {
    const total = 8 * 1024 * 1024;
    let written = 0;
    const server = await serve(
      httpServer((_, response) => {
        const chunk = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (written < total) {
            written += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      }),
    );
    const mesh = meshOf(server.origin);
    const response = await mesh.fetch('http://users/', { mesh: { bodyIdleTimeoutMs: 250 } });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let read = 0;
    let most = 0;
    // One chunk at a time, with rests that together take longer than the body may stand still.
    for (let i = 0; i < 30; i++) {
      const { value } = await reader.read();
      read += value?.length ?? 0;
      await wait(15);
      most = Math.max(most, written - read);
    }
    assert.ok(written < total, `all of it was sent to a reader who had read ${read}`);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read += value.length;
    }
    assert.equal(read, total);
    assert.ok(most < total - 1024 * 1024, `${most} bytes were on the way`);
  });

  it('that its reader gives up is cut off at the server too', async () => {
    let cut = false;
    const server = await serve(
      httpServer((_, response) => {
        response.write('first');
        response.on('close', () => {
          cut = true;
        });
      }),
    );
    const mesh = meshOf(server.origin);
    const response = await mesh.fetch('http://users/');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    await until(() => cut, 'the server notices');
    await assertGone(mesh, server, 1);
  });
});

describe('a request that the server does not take', () => {
  it('is left in time while its body is being sent', async () => {
    const server = await serve(rawServer((socket) => socket.pause()));
    const mesh = meshOf(server.origin);
    const body = Buffer.alloc(16 * 1024 * 1024);
    await assert.rejects(
      mesh.fetch('http://users/', { method: 'POST', body, mesh: { attemptTimeoutMs: 80 } }),
      (error: MeshError) => error instanceof MeshError && error.code === 'ERR_MESH_ATTEMPT_TIMEOUT',
    );
    await until(() => mesh.inspect().services.users?.active === 0, 'the call is over');
  });
});
