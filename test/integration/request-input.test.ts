import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { type Mesh, MeshError } from '../../src/index.js';
import type { TestServer } from '../support/servers.js';
import { echoServer, receivedBy } from './support/echo.js';
import { kindOf, type MakeInit, meshOf, SERVICE, sideBySide } from './support/side-by-side.js';

/** What reaches the server is what the built-in fetch would have sent, and what it refuses is refused. */

const utf8 = new TextEncoder();

function streamOf(...chunks: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(utf8.encode(chunk));
      controller.close();
    },
  });
}

async function* iterate(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield utf8.encode(chunk);
}

function form(): FormData {
  const data = new FormData();
  data.append('a', '1');
  data.append('a', 'two\nlines');
  data.append('file', new Blob(['content'], { type: 'text/x-y' }), 'na"me.txt');
  return data;
}

const post = (body: unknown, headers?: RequestInit['headers']): RequestInit =>
  ({ method: 'POST', body, duplex: 'half', ...(headers && { headers }) }) as RequestInit;

/** Requests that are sent, by what they are. */
const SENT: Record<string, readonly [path: string, init: () => unknown]> = {
  'nothing but a URL': ['/', () => undefined],
  'no init, as null': ['/', () => null],
  'a query': ['/a/b?x=1&y=%20&z', () => ({})],
  'a fragment': ['/a?x=1#frag/ment?no', () => ({})],
  'a path beyond ASCII': ['/stra\u00dfe/\u{1f600}?\u00fc=\u00f6', () => ({})],
  'a path with blanks and quotes': [`/a b/'c'/"d"/<e>?f g='h'&"i"`, () => ({})],
  'a path with dots': ['/a/./b/../c/%2e%2e/d/%2E', () => ({})],
  'a path with odd escapes': ['/%zz/%/%41/%e4?%zz', () => ({})],
  'a path with backslashes': ['\\a\\b?c\\d', () => ({})],
  'a path with line breaks and tabs': ['/a\n/b\t/c', () => ({})],
  'a path of other characters': ['/a|b^c`d{e}[f]~;,@:!$&*()=+?|^`{}[]', () => ({})],
  'no path': ['', () => ({})],
  'two slashes': ['//a//b', () => ({})],
  'get in lower case': ['/', () => ({ method: 'get' })],
  'post without a body': ['/', () => ({ method: 'post' })],
  'PUT without a body': ['/', () => ({ method: 'PUT' })],
  'PATCH without a body': ['/', () => ({ method: 'PATCH' })],
  'DELETE without a body': ['/', () => ({ method: 'DELETE' })],
  'DELETE with a body': ['/', () => ({ method: 'delete', body: 'x' })],
  'OPTIONS with a body': ['/', () => ({ method: 'OPTIONS', body: 'x' })],
  'a method of another protocol': ['/', () => ({ method: 'PROPFIND' })],
  'headers in a record': ['/', () => ({ headers: { 'X-One': '1', 'x-two': ' 2 ', 'x-empty': '' } })],
  'headers in pairs': [
    '/',
    () => ({
      headers: [
        ['x-one', '1'],
        ['X-One', '2'],
        ['x-two', '3'],
      ],
    }),
  ],
  'a Headers': ['/', () => ({ headers: new Headers({ 'X-One': '1', Cookie: 'a=b' }) })],
  'headers in a Map': ['/', () => ({ headers: new Map([['x-one', '1']]) })],
  'header values that are no strings': ['/', () => ({ headers: { 'x-number': 42, 'x-null': null, 'x-list': ['a', 'b'] } })],
  'a header value beyond ASCII': ['/', () => ({ headers: { 'x-latin': 'na\u00efve' } })],
  'an accept header of its own': ['/', () => ({ headers: { accept: 'text/html' } })],
  'an encoding of its own': ['/', () => ({ headers: { 'Accept-Encoding': 'br' } })],
  'a user agent of its own': ['/', () => ({ headers: { 'User-Agent': 'me' } })],
  'connection: close': ['/', () => ({ headers: { connection: 'close' } })],
  'authorization and cookies': ['/', () => ({ headers: { authorization: 'Bearer x', cookie: 'a=1' } })],
  'a cookie twice': [
    '/',
    () => ({
      headers: [
        ['cookie', 'a=1'],
        ['Cookie', 'b=2'],
      ],
    }),
  ],
  text: ['/', () => post('stra\u00dfe \u{1f600}')],
  'no text': ['/', () => post('')],
  'text of a type of its own': ['/', () => post('{}', { 'Content-Type': 'application/json' })],
  'text with its length': ['/', () => post('abc', { 'content-length': '3' })],
  'half a surrogate pair': ['/', () => post('a\ud800b')],
  'a number': ['/', () => post(42)],
  'a Uint8Array': ['/', () => post(utf8.encode('bytes'))],
  'a part of a buffer': ['/', () => post(Buffer.from('0123456789').subarray(3, 6))],
  'an ArrayBuffer': ['/', () => post(utf8.encode('bytes').buffer)],
  'a DataView': ['/', () => post(new DataView(utf8.encode('0123456789').buffer, 2, 3))],
  parameters: ['/', () => post(new URLSearchParams({ a: '1 2', b: '\u00fc&=' }))],
  'a Blob with a type': ['/', () => post(new Blob(['blob'], { type: 'image/x' }))],
  'a Blob without a type': ['/', () => post(new Blob(['blob']))],
  'an empty Blob': ['/', () => post(new Blob([]))],
  'a form': ['/', () => post(form())],
  'an empty form': ['/', () => post(new FormData())],
  'a stream': ['/', () => post(streamOf('one', 'two'))],
  'a stream of nothing': ['/', () => post(streamOf())],
  'a stream with its length': ['/', () => post(streamOf('one', 'two'), { 'content-length': '6' })],
  'an async iterable': ['/', () => post(iterate('one', 'two'))],
  'a Node stream': ['/', () => post(Readable.from([Buffer.from('one'), Buffer.from('two')]))],
  'a body of null': ['/', () => ({ method: 'POST', body: null })],
  'the body of a response': ['/', () => post(new Response('answer').body)],
  'a cache mode of no-store': ['/', () => ({ cache: 'no-store' })],
  'a cache mode of reload': ['/', () => ({ cache: 'reload' })],
  'a cache mode of no-cache': ['/', () => ({ cache: 'no-cache' })],
  'a cache mode and headers of its own': ['/', () => ({ cache: 'no-store', headers: { 'cache-control': 'max-age=5', pragma: 'x' } })],
  'a cache mode of force-cache': ['/', () => ({ cache: 'force-cache' })],
  'a conditional header': ['/', () => ({ headers: { 'if-none-match': '"x"' } })],
  'a conditional header and a cache-control of its own': ['/', () => ({ headers: { 'If-Modified-Since': 'x', 'Cache-Control': 'y' } })],
  'a range': ['/', () => ({ headers: { range: 'bytes=0-1' } })],
  'options that say nothing to a server': [
    '/',
    () => ({ keepalive: true, credentials: 'omit', referrerPolicy: 'no-referrer', mode: 'cors' }),
  ],
  'an init that is another Request': ['/', () => new Request('http://elsewhere.example/', { method: 'PUT', headers: { 'x-one': '1' } })],
};

/** Requests that are refused before anything is sent. */
const REFUSED: Record<string, readonly [path: string, init: () => unknown]> = {
  'GET with a body': ['/', () => ({ body: 'x' })],
  'GET with an empty body': ['/', () => ({ body: '' })],
  'HEAD with a body': ['/', () => ({ method: 'HEAD', body: 'x' })],
  CONNECT: ['/', () => ({ method: 'CONNECT' })],
  'TRACE in lower case': ['/', () => ({ method: 'trace' })],
  TRACK: ['/', () => ({ method: 'TRACK' })],
  'a method of two words': ['/', () => ({ method: 'GET IT' })],
  'no method at all': ['/', () => ({ method: '' })],
  'a header name with a blank': ['/', () => ({ headers: { 'x y': '1' } })],
  'a header value with a line break': ['/', () => ({ headers: { 'x-a': 'a\r\nx-b: c' } })],
  'a header value that is no byte': ['/', () => ({ headers: { 'x-a': '\u20ac' } })],
  'a header pair of three': ['/', () => ({ headers: [['a', 'b', 'c']] })],
  'headers that are text': ['/', () => ({ headers: 'x: y' })],
  'a header that is a symbol': ['/', () => ({ headers: { 'x-a': Symbol('a') } })],
  'transfer-encoding': ['/', () => post('abc', { 'transfer-encoding': 'chunked' })],
  'an upgrade header': ['/', () => ({ headers: { upgrade: 'websocket' } })],
  'a keep-alive header': ['/', () => ({ headers: { 'keep-alive': 'timeout=5' } })],
  'an expect header': ['/', () => post('abc', { expect: '100-continue' })],
  'a length that is too long': ['/', () => post('abc', { 'content-length': '5' })],
  'a stream longer than its length': ['/', () => post(streamOf('one', 'two'), { 'content-length': '4' })],
  'a stream shorter than its length': ['/', () => post(streamOf('one'), { 'content-length': '4' })],
  'a stream without duplex': ['/', () => ({ method: 'POST', body: streamOf('x') })],
  'a duplex of full': ['/', () => ({ method: 'POST', body: streamOf('x'), duplex: 'full' })],
  'a locked stream': [
    '/',
    () => {
      const stream = streamOf('x');
      stream.getReader();
      return post(stream);
    },
  ],
  'a stream of numbers': ['/', () => post(new ReadableStream({ start: (controller) => [controller.enqueue(42), controller.close()] }))],
  'an unknown redirect mode': ['/', () => ({ redirect: 'maybe' })],
  'an unknown cache mode': ['/', () => ({ cache: 'sometimes' })],
  'an unknown mode': ['/', () => ({ mode: 'loud' })],
  'the mode navigate': ['/', () => ({ mode: 'navigate' })],
  'unknown credentials': ['/', () => ({ credentials: 'mine' })],
  'an unknown referrer policy': ['/', () => ({ referrerPolicy: 'shout' })],
  'only what is cached': ['/', () => ({ cache: 'only-if-cached' })],
  'a window': ['/', () => ({ window: {} })],
  'a signal that is none': ['/', () => ({ signal: {} })],
  'an init that is no object': ['/', () => 'GET'],
  'a port that is none': [':99999/', () => ({})],
  'a host with a blank': [' x/', () => ({})],
};

describe('a request through mesh.fetch', { timeout: 60_000 }, () => {
  let server: TestServer;
  let mesh: Mesh;
  before(async () => {
    server = await echoServer();
    mesh = meshOf(server);
  });
  after(async () => {
    await mesh.close({ graceMs: 0 });
    await server.close();
  });

  for (const [name, [path, init]] of Object.entries(SENT)) {
    it(`arrives as from the built-in fetch: ${name}`, async () => {
      const builtIn = await receivedBy(fetch(server.origin + path, init() as RequestInit));
      const ofMesh = await receivedBy(mesh.fetch(`http://${SERVICE}${path}`, init() as RequestInit));
      assert.deepEqual(ofMesh, builtIn);
    });
  }

  for (const [name, [path, init]] of Object.entries(REFUSED)) {
    it(`is refused as by the built-in fetch, with a code: ${name}`, async () => {
      const { builtIn, mesh: ofMesh, error } = await sideBySide(server, mesh, path, init as MakeInit);
      assert.deepEqual(ofMesh, builtIn);
      assert.deepEqual(builtIn, { threw: 'TypeError' });
      assert.equal(error instanceof MeshError ? error.code : kindOf(error), 'ERR_MESH_REQUEST');
    });
  }
});
