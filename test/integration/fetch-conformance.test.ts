import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type Mesh, MeshError } from '../../src/index.js';
import { rawServer, type TestServer } from '../support/servers.js';
import { meshOf, sideBySide } from './support/side-by-side.js';

/**
 * Whatever a server sends, well-formed or not: `mesh.fetch` hands its caller what the built-in fetch does. The
 * server sends the bytes given here and nothing of its own.
 */

/** One answer in pieces. `end` closes the connection after it, `reset` destroys it, `keep` leaves it open. */
interface Script {
  readonly bytes: readonly (string | Buffer)[];
  readonly then?: 'end' | 'reset' | 'keep';
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
  'a body with a length': { bytes: [answer(`${OK}content-length: 5\r\ncontent-type: text/plain\r\n`, 'hello')], then: 'keep' },
  'a body in chunks': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, '3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')], then: 'keep' },
  'a body in chunks with trailers': {
    bytes: [answer(`${OK}transfer-encoding: chunked\r\ntrailer: x-sum\r\n`, '3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n')],
    then: 'keep',
  },
  'a body that ends with the connection': { bytes: [answer(`${OK}connection: close\r\n`, 'to the end')] },
  'a body in many pieces': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc'), 'def', 'ghi'], then: 'keep' },
  'a head in pieces': { bytes: ['HTTP/1.', '1 200 OK\r\ncontent-le', 'ngth: 2\r\nx-a: one', 'two\r\n\r', '\nhi'], then: 'keep' },
  'no body': { bytes: [answer(`${OK}content-length: 0\r\n`)], then: 'keep' },
  'HTTP/1.0': { bytes: [answer('HTTP/1.0 200 OK\r\n', 'old')] },
  'connection: close with a length': { bytes: [answer(`${OK}connection: close\r\ncontent-length: 2\r\n`, 'hi')] },
  'a 201 without a reason phrase': { bytes: [answer('HTTP/1.1 201\r\ncontent-length: 0\r\n')], then: 'keep' },
  'an empty reason phrase': { bytes: [answer('HTTP/1.1 200 \r\ncontent-length: 0\r\n')], then: 'keep' },
  'a reason phrase of its own': { bytes: [answer('HTTP/1.1 418 I am  a Teapot!\r\ncontent-length: 0\r\n')], then: 'keep' },
  'a reason phrase beyond ASCII': { bytes: [answer('HTTP/1.1 200 Stra\xdfe\r\ncontent-length: 0\r\n')], then: 'keep' },
  'a 204': { bytes: [answer('HTTP/1.1 204 No Content\r\n')], then: 'keep' },
  'a 205': { bytes: [answer('HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n')], then: 'keep' },
  'a 304 with a length': { bytes: [answer('HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\netag: "x"\r\n')], then: 'keep' },
  'a 404 with a body': { bytes: [answer('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n', 'nope')], then: 'keep' },
  'a 500 with a body': { bytes: [answer('HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n', 'oops')], then: 'keep' },
  'a status that nobody knows': { bytes: [answer('HTTP/1.1 299 Fine\r\ncontent-length: 2\r\n', 'ok')], then: 'keep' },
  'a 300 with a location, which is no redirect': {
    bytes: [answer('HTTP/1.1 300 Choose\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n', 'ab')],
    then: 'keep',
  },
  'a HEAD with a length': { method: 'HEAD', bytes: [answer(`${OK}content-length: 20\r\n`)], then: 'keep' },
  'a HEAD with a coding': { method: 'HEAD', bytes: [answer(`${OK}content-length: 20\r\ncontent-encoding: gzip\r\n`)], then: 'keep' },
  'early hints before the answer': {
    bytes: ['HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n', answer(`${OK}content-length: 2\r\n`, 'hi')],
    then: 'keep',
  },
  'several interim answers before the answer': {
    bytes: ['HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n', answer(`${OK}content-length: 2\r\n`, 'hi')],
    then: 'keep',
  },
  'a 100 that nobody asked for': { bytes: ['HTTP/1.1 100 Continue\r\n\r\n', answer(`${OK}content-length: 0\r\n`)], code: 'ERR_MESH_LOST' },
  'several cookies': {
    bytes: [answer(`${OK}set-cookie: a=1; path=/\r\nx-a: 1\r\nSet-Cookie: b=2\r\nset-cookie: a=3\r\ncontent-length: 0\r\n`)],
    then: 'keep',
  },
  'a header several times': { bytes: [answer(`${OK}x-a: 1\r\nX-A: 2\r\nvary: a\r\nvary: b\r\ncontent-length: 0\r\n`)], then: 'keep' },
  'a header value beyond ASCII': { bytes: [answer(`${OK}x-a: na\xefve \xc3\xa9\r\ncontent-length: 0\r\n`)], then: 'keep' },
  'empty and blank header values': { bytes: [answer(`${OK}x-a:\r\nx-b:   b c\r\nx-c: \t d\r\ncontent-length: 0\r\n`)], then: 'keep' },
  gzip: { bytes: [encoded('gzip', gzipSync(words))], then: 'keep' },
  'x-gzip': { bytes: [encoded('x-gzip', gzipSync(words))], then: 'keep' },
  deflate: { bytes: [encoded('deflate', deflateSync(words))], then: 'keep' },
  'bare deflate': { bytes: [encoded('deflate', deflateRawSync(words))], then: 'keep' },
  brotli: { bytes: [encoded('br', brotliCompressSync(words))], then: 'keep' },
  'two codings, one over the other': { bytes: [encoded('gzip, br', brotliCompressSync(gzipSync(words)))], then: 'keep' },
  'a coding that nobody knows': { bytes: [encoded('shrink', words)], then: 'keep' },
  'gzip without a single byte': { bytes: [encoded('gzip', Buffer.alloc(0))], then: 'keep' },
  'gzip in two pieces': {
    bytes: [encoded('gzip', gzipSync(words).subarray(0, 12), gzipSync(words).length), gzipSync(words).subarray(12)],
    then: 'keep',
  },
  'gzip that is no gzip': { bytes: [encoded('gzip', words)], then: 'keep', code: 'ERR_MESH_BODY' },
  'a 304 with a coding': { bytes: [answer('HTTP/1.1 304 Not Modified\r\ncontent-encoding: gzip\r\n')], then: 'keep' },
  'fewer bytes than announced': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc')], code: 'ERR_MESH_BODY' },
  'more bytes than announced': { bytes: [answer(`${OK}content-length: 3\r\n`, 'abcdef')] },
  'chunks that stop half way': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, '5\r\nab')], code: 'ERR_MESH_BODY' },
  'a chunk without a length': { bytes: [answer(`${OK}transfer-encoding: chunked\r\n`, 'zz\r\nab')], code: 'ERR_MESH_PROTOCOL' },
  'a reset within the body': { bytes: [answer(`${OK}content-length: 9\r\n`, 'abc')], then: 'reset', code: 'ERR_MESH_BODY' },
  'nothing, and the connection closed': { bytes: [], code: 'ERR_MESH_LOST' },
  'nothing, and the connection reset': { bytes: [], then: 'reset', code: 'ERR_MESH_LOST' },
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
  'a 101 that nobody asked for': { bytes: [answer('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n')], code: 'ERR_MESH_LOST' },
};

describe('mesh.fetch beside the built-in fetch', { timeout: 60_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;

  before(async () => {
    server = await rawServer((socket, bytes) => {
      const name = decodeURIComponent(bytes.toString('latin1').split(' ')[1]?.slice(1) ?? '');
      const script = SCRIPTS[name] ?? { bytes: [] };
      send(socket, script.bytes, script.then ?? 'end');
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

/** Writes the pieces one by one, each once the one before is out. */
function send(socket: import('node:net').Socket, pieces: readonly (string | Buffer)[], then: Script['then']): void {
  const [first, ...rest] = pieces;
  if (first !== undefined) {
    socket.write(first, () => setImmediate(() => send(socket, rest, then)));
  } else if (then === 'end') {
    socket.end();
  } else if (then === 'reset') {
    socket.resetAndDestroy();
  }
}
