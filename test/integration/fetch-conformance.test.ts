import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type Mesh, MeshError } from '../../src/index.js';
import { httpServer, rawServer, type TestServer } from '../support/servers.js';
import { kindOf, meshOf, sideBySide } from './support/side-by-side.js';

/**
 * Whatever a server sends, well-formed or not: `mesh.fetch` hands its caller what the built-in fetch does. The
 * server sends the bytes given here and nothing of its own.
 */

/** One answer in pieces. `end` closes the connection after it, `reset` destroys it, `keep` leaves it open. */
interface Script {
  readonly bytes: readonly (string | Buffer)[];
  readonly after?: 'end' | 'reset' | 'keep';
  readonly method?: string;
  /** The mesh's own error code, where it fails. */
  readonly code?: string;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const text = 'the quick brown fox';
const words = Buffer.from(text.repeat(50));

function answer(head: string, body: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from('\r\n'), Buffer.from(body as string)]);
}

function encoded(coding: string, body: Buffer, contentLength = body.length): Buffer {
  return answer(`${OK}content-encoding: ${coding}\r\ncontent-length: ${contentLength}\r\n`, body);
}

const SCRIPTS: Record<string, Script> = {
  'a body with a length': { bytes: [answer(`${OK}content-length: 5\r\ncontent-type: text/plain\r\n`, 'hello')], after: 'keep' },
  'a body in chunks': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, '3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')], after: 'keep' },
  'a body in chunks with trailers': {
    bytes: [answer(`${OK}transfer-encoding: chunked\r\ntrailer: x-sum\r\n`, '3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n')],
    after: 'keep',
  },
  'a body that ends with the connection': { bytes: [answer(`${OK}connection: close\r\n`, 'to the end')] },
  'a body in many pieces': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc'), 'def', 'ghi'], after: 'keep' },
  'a head in pieces': { bytes: ['HTTP/1.', '1 200 OK\r\ncontent-le', 'ngth: 2\r\nx-a: one', 'two\r\n\r', '\nhi'], after: 'keep' },
  'no body': { bytes: [answer(`${OK}content-length: 0\r\n`)], after: 'keep' },
  'HTTP/1.0': { bytes: [answer('HTTP/1.0 200 OK\r\n', 'old')] },
  'connection: close with a length': { bytes: [answer(`${OK}connection: close\r\ncontent-length: 2\r\n`, 'hi')] },
  'a 201 without a reason phrase': { bytes: [answer('HTTP/1.1 201\r\ncontent-length: 0\r\n')], after: 'keep' },
  'an empty reason phrase': { bytes: [answer('HTTP/1.1 200 \r\ncontent-length: 0\r\n')], after: 'keep' },
  'a reason phrase of its own': { bytes: [answer('HTTP/1.1 418 I am  a Teapot!\r\ncontent-length: 0\r\n')], after: 'keep' },
  'a reason phrase beyond ASCII': { bytes: [answer('HTTP/1.1 200 Stra\xdfe\r\ncontent-length: 0\r\n')], after: 'keep' },
  'a 204': { bytes: [answer('HTTP/1.1 204 No Content\r\n')], after: 'keep' },
  'a 205': { bytes: [answer('HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n')], after: 'keep' },
  'a 304 with a length': { bytes: [answer('HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\netag: "x"\r\n')], after: 'keep' },
  'a 404 with a body': { bytes: [answer('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n', 'nope')], after: 'keep' },
  'a 500 with a body': { bytes: [answer('HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n', 'oops')], after: 'keep' },
  'a status that nobody knows': { bytes: [answer('HTTP/1.1 299 Fine\r\ncontent-length: 2\r\n', 'ok')], after: 'keep' },
  'a 300 with a location, which is no redirect': {
    bytes: [answer('HTTP/1.1 300 Choose\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n', 'ab')],
    after: 'keep',
  },
  'a HEAD with a length': { method: 'HEAD', bytes: [answer(`${OK}content-length: 20\r\n`)], after: 'keep' },
  'a HEAD with a coding': { method: 'HEAD', bytes: [answer(`${OK}content-length: 20\r\ncontent-encoding: gzip\r\n`)], after: 'keep' },
  'early hints before the answer': {
    bytes: ['HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n', answer(`${OK}content-length: 2\r\n`, 'hi')],
    after: 'keep',
  },
  'several interim answers before the answer': {
    bytes: ['HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n', answer(`${OK}content-length: 2\r\n`, 'hi')],
    after: 'keep',
  },
  'a 100 that nobody asked for': { bytes: ['HTTP/1.1 100 Continue\r\n\r\n', answer(`${OK}content-length: 0\r\n`)], code: 'ERR_MESH_LOST' },
  'several cookies': {
    bytes: [answer(`${OK}set-cookie: a=1; path=/\r\nx-a: 1\r\nSet-Cookie: b=2\r\nset-cookie: a=3\r\ncontent-length: 0\r\n`)],
    after: 'keep',
  },
  'a header several times': { bytes: [answer(`${OK}x-a: 1\r\nX-A: 2\r\nvary: a\r\nvary: b\r\ncontent-length: 0\r\n`)], after: 'keep' },
  'a header value beyond ASCII': { bytes: [answer(`${OK}x-a: na\xefve \xc3\xa9\r\ncontent-length: 0\r\n`)], after: 'keep' },
  'empty and blank header values': { bytes: [answer(`${OK}x-a:\r\nx-b:   b c\r\nx-c: \t d\r\ncontent-length: 0\r\n`)], after: 'keep' },
  gzip: { bytes: [encoded('gzip', gzipSync(words))], after: 'keep' },
  'x-gzip': { bytes: [encoded('x-gzip', gzipSync(words))], after: 'keep' },
  deflate: { bytes: [encoded('deflate', deflateSync(words))], after: 'keep' },
  'bare deflate': { bytes: [encoded('deflate', deflateRawSync(words))], after: 'keep' },
  brotli: { bytes: [encoded('br', brotliCompressSync(words))], after: 'keep' },
  'two codings, one over the other': { bytes: [encoded('gzip, br', brotliCompressSync(gzipSync(words)))], after: 'keep' },
  'a coding that nobody knows': { bytes: [encoded('shrink', words)], after: 'keep' },
  'gzip without a single byte': { bytes: [encoded('gzip', Buffer.alloc(0))], after: 'keep' },
  'gzip in two pieces': {
    bytes: [encoded('gzip', gzipSync(words).subarray(0, 12), gzipSync(words).length), gzipSync(words).subarray(12)],
    after: 'keep',
  },
  'gzip that is no gzip': { bytes: [encoded('gzip', words)], after: 'keep', code: 'ERR_MESH_BODY' },
  'a 304 with a coding': { bytes: [answer('HTTP/1.1 304 Not Modified\r\ncontent-encoding: gzip\r\n')], after: 'keep' },
  'fewer bytes than announced': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc')], code: 'ERR_MESH_BODY' },
  'more bytes than announced': { bytes: [answer(`${OK}content-length: 3\r\n`, 'abcdef')] },
  'chunks that stop half way': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, '5\r\nab')], code: 'ERR_MESH_BODY' },
  'a chunk without a length': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, 'zz\r\nab')], code: 'ERR_MESH_PROTOCOL' },
  'a reset within the body': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc')], after: 'reset', code: 'ERR_MESH_BODY' },
  'nothing, and the connection closed': { bytes: [], code: 'ERR_MESH_LOST' },
  'nothing, and the connection reset': { bytes: [], after: 'reset', code: 'ERR_MESH_LOST' },
  'half a head': { bytes: ['HTTP/1.1 200 OK\r\ncontent-'], code: 'ERR_MESH_LOST' },
  'what is not HTTP': { bytes: ['SSH-2.0-OpenSSH_9.2p1\r\n'], code: 'ERR_MESH_PROTOCOL' },
  'a header without a colon': { bytes: [answer(`${OK}nonsense\r\ncontent-length: 0\r\n`)], code: 'ERR_MESH_PROTOCOL' },
  'a length that is no number': { bytes: [answer(`${OK}content-length: many\r\n`)], code: 'ERR_MESH_PROTOCOL' },
  'two lengths': { bytes: [answer(`${OK}content-length: 2\r\ncontent-length: 3\r\n`, 'abc')], code: 'ERR_MESH_PROTOCOL' },
  'a length and chunks': {
    bytes: [answer(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n`, '0\r\n\r\n')],
    code: 'ERR_MESH_PROTOCOL',
  },
  'more headers than anybody sends': { bytes: [answer(`${OK}x-a: ${'a'.repeat(20_000)}\r\n`)], code: 'ERR_MESH_PROTOCOL' },
  'a 101 that nobody asked for': {
    bytes: [answer('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n')],
    code: 'ERR_MESH_LOST',
  },
};

describe('mesh.fetch beside the built-in fetch', { timeout: 60_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;

  before(async () => {
    server = await rawServer((socket, bytes) => {
      const name = decodeURIComponent(bytes.toString('latin1').split(' ')[1]?.slice(1) ?? '');
      const script = SCRIPTS[name] ?? { bytes: [] };
      send(socket, script.bytes, script.after ?? 'end');
    });
    mesh = meshOf(server);
  });
  after(async () => {
    await mesh.close({ graceMs: 0 });
    await server.close();
  });

  for (const [name, { method = 'GET', code }] of Object.entries(SCRIPTS)) {
    it(`hands over the same for ${name}`, async () => {
      const both = await sideBySide(server, mesh, `/${encodeURIComponent(name)}`, () => ({ method }));
      assert.deepEqual(both.mesh, both.builtIn);
      assert.equal(both.error instanceof MeshError ? both.error.code : both.error, code);
    });
  }
});

/** Ways to read a body that came over a socket in pieces. */
const READERS: Record<string, (response: Response) => Promise<unknown>> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString('base64'),
  blob: async (response) => {
    const blob = await response.blob();
    return [blob.size, blob.type, await blob.text()];
  },
  formData: async (response) => [...(await response.formData())],
  'a clone, after the original': async (response) => {
    const clone = response.clone();
    return [await response.text(), await clone.text(), clone.url === response.url, clone.status];
  },
  'a clone, while the original is read': async (response) => Promise.all([response.clone().text(), response.text()]),
  'chunk by chunk': async (response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString('base64');
  },
  'into buffers of its own': async (response) => {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' });
    const chunks: Buffer[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1_000));
      if (done) return [Buffer.concat(chunks).toString('base64'), value?.byteLength];
      chunks.push(Buffer.from(value));
    }
  },
  'as a Node stream': async (response) => Buffer.from(await buffer(Readable.fromWeb(response.body as never))).toString('base64'),
  'through a new Response': (response) => new Response(response.body, response).text(),
  'twice, which fails': async (response) => {
    await response.text();
    return response.text().catch((error: unknown) => String(error));
  },
  'after the stream was locked, which fails': async (response) => {
    response.body?.getReader();
    return response.text().catch(kindOf);
  },
};

const CONTENTS: Record<string, readonly [type: string, body: string]> = {
  'a long JSON': ['application/json', JSON.stringify(Array.from({ length: 20_000 }, (_, index) => ({ index })))],
  'a short text': ['text/plain;charset=utf-8', 'stra\u00dfe'],
  'a form': ['application/x-www-form-urlencoded', 'a=1&b=%20&a=2'],
  'a multipart form': ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'],
};

describe('a body from mesh.fetch beside one from the built-in fetch', { timeout: 60_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;
  before(async () => {
    server = await httpServer((request, response) => {
      const [type, body] = CONTENTS[decodeURIComponent(request.url?.slice(1) ?? '')] ?? ['', ''];
      response.writeHead(200, { 'content-type': type });
      const bytes = Buffer.from(body);
      const half = bytes.length >> 1;
      response.write(bytes.subarray(0, half), () => response.end(bytes.subarray(half)));
    });
    mesh = meshOf(server);
  });
  after(async () => {
    await mesh.close({ graceMs: 0 });
    await server.close();
  });

  for (const content of Object.keys(CONTENTS)) {
    for (const [name, read] of Object.entries(READERS)) {
      it(`reads ${content} alike: ${name}`, async () => {
        const path = `/${encodeURIComponent(content)}`;
        const outcomeOf = async (response: Response) => {
          const outcome = await read(response).catch(kindOf);
          return { outcome, bodyUsed: response.bodyUsed, locked: response.body?.locked };
        };
        assert.deepEqual(await outcomeOf(await mesh.fetch(`http://users${path}`)), await outcomeOf(await fetch(server.origin + path)));
      });
    }
  }
});

/** Writes the pieces one by one, each once the one before is out. */
function send(socket: Socket, pieces: readonly (string | Buffer)[], after: Script['after']): void {
  const [first, ...rest] = pieces;
  if (first !== undefined) {
    socket.write(first, () => setImmediate(() => send(socket, rest, after)));
  } else if (after === 'end') {
    socket.end();
  } else if (after === 'reset') {
    socket.resetAndDestroy();
  }
}
