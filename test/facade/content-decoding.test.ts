import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { MeshError } from '../../src/core/errors.js';
import { READ_AHEAD_BYTES } from '../../src/core/reply.js';
import { meshResponseClass } from '../../src/facade/response.js';
import { bothOf, outcome } from './support/built-in.js';
import { open, openReply, whole } from './support/replies.js';

const MeshResponse = meshResponseClass();

const TEXT = Buffer.from('all work and no play '.repeat(20));
/** Compresses badly, so that there is something to cut. */
const NOISE = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 7919 + 31 * i) % 251));
/** Too large to be decoded at once. */
const LARGE = Buffer.concat(Array.from({ length: 200 }, () => NOISE));

const encoders: Record<string, (bytes: Uint8Array) => Buffer> = {
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
};
const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };
if (zstdCompressSync !== undefined) encoders.zstd = zstdCompressSync;

/** Encodes as a header with these codings says, the first one first. */
function encoded(codings: string, bytes: Uint8Array): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (const coding of codings.split(',')) result = encoders[coding.trim().toLowerCase()]?.(result) ?? result;
  return result;
}

interface Case {
  readonly codings: readonly string[];
  readonly body: Uint8Array;
}

const LIKE_THE_BUILT_IN: Record<string, Case> = {
  gzip: { codings: ['gzip'], body: encoded('gzip', TEXT) },
  'x-gzip': { codings: ['x-gzip'], body: encoded('gzip', TEXT) },
  'GZIP in capitals': { codings: ['GZip'], body: encoded('gzip', TEXT) },
  'deflate with a zlib header': { codings: ['deflate'], body: encoded('deflate', TEXT) },
  'deflate without one': { codings: ['deflate'], body: zlib.deflateRawSync(TEXT) },
  br: { codings: ['br'], body: encoded('br', TEXT) },
  'two codings in one header': { codings: ['gzip, br'], body: encoded('gzip,br', TEXT) },
  'two codings in two headers': { codings: ['deflate', 'gzip'], body: encoded('deflate,gzip', TEXT) },
  'five codings': { codings: ['gzip,gzip,br,deflate,gzip'], body: encoded('gzip,gzip,br,deflate,gzip', TEXT) },
  'an unknown coding': { codings: ['foo'], body: TEXT },
  'an unknown coding among known ones': { codings: ['gzip, foo'], body: encoded('gzip', TEXT) },
  identity: { codings: ['identity'], body: TEXT },
  'identity among others': { codings: ['identity, gzip'], body: encoded('gzip', TEXT) },
  'an empty coding': { codings: [', gzip'], body: encoded('gzip', TEXT) },
  'an empty header': { codings: [''], body: TEXT },
  'an empty body': { codings: ['gzip'], body: Buffer.alloc(0) },
  'an empty body of two codings': { codings: ['gzip, br'], body: Buffer.alloc(0) },
  'gzip of nothing': { codings: ['gzip'], body: encoded('gzip', Buffer.alloc(0)) },
  'two gzip members': { codings: ['gzip'], body: Buffer.concat([encoded('gzip', TEXT), encoded('gzip', TEXT)]) },
  'something after the gzip member': { codings: ['gzip'], body: Buffer.concat([encoded('gzip', TEXT), Buffer.from('trailing')]) },
  'no gzip at all': { codings: ['gzip'], body: Buffer.from('plain text') },
  'no br at all': { codings: ['br'], body: Buffer.from('plain text') },
  'no deflate at all': { codings: ['deflate'], body: Buffer.from('plain text') },
  'a corrupt inner coding': { codings: ['br, gzip'], body: encoded('gzip', Buffer.from('plain text')) },
  'a gzip that was cut': { codings: ['gzip'], body: encoded('gzip', NOISE).subarray(0, -30) },
  'a gzip cut within its header': { codings: ['gzip'], body: encoded('gzip', NOISE).subarray(0, 5) },
  'a deflate that was cut': { codings: ['deflate'], body: encoded('deflate', NOISE).subarray(0, -30) },
  'a br that was cut': { codings: ['br'], body: encoded('br', NOISE).subarray(0, -30) },
  'a large body': { codings: ['gzip'], body: encoded('gzip', LARGE) },
  'a large body of two codings': { codings: ['gzip, br'], body: encoded('gzip,br', LARGE) },
  'a small body that becomes a large one': { codings: ['gzip'], body: encoded('gzip', Buffer.alloc(3_000_000)) },
};

/** Plays an encoded body in pieces, like a socket. */
async function inPieces({ codings, body }: Case, pieceBytes: number): Promise<Buffer> {
  const { reply } = openReply();
  const raw = codings.flatMap((coding) => [Buffer.from('content-encoding'), Buffer.from(coding)]);
  (reply as unknown as { rawHeaders: Buffer[] }).rawHeaders.push(...raw);
  const response = new MeshResponse(reply, '', false);
  const read = response.arrayBuffer();
  // It may fail before the last piece; the caller hears of it below.
  read.catch(() => {});
  for (let at = 0; at < body.length; at += pieceBytes) {
    reply.push(Buffer.from(body.subarray(at, at + pieceBytes)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  reply.end();
  return Buffer.from(await read);
}

describe('content decoding', () => {
  for (const [name, { codings, body }] of Object.entries(LIKE_THE_BUILT_IN)) {
    it(`reads ${name} like the built-in fetch`, async () => {
      const headers = [...codings.map((coding) => ['Content-Encoding', coding] as const), ['Content-Length', String(body.length)] as const];
      const { builtIn, mesh } = await bothOf({ headers, body: [body] });
      assert.equal(mesh.headers.get('content-encoding'), builtIn.headers.get('content-encoding'));
      assert.equal(mesh.headers.get('content-length'), builtIn.headers.get('content-length'));
      const hex = async (response: Response) => Buffer.from(await response.arrayBuffer()).toString('hex');
      const expected = await outcome(() => hex(builtIn));
      assert.deepEqual(await outcome(() => hex(mesh)), expected);
      const pieces = await outcome(async () => (await inPieces({ codings, body }, Math.ceil(body.length / 7))).toString('hex'));
      assert.deepEqual(pieces, expected, 'also when it comes in pieces');
    });
  }

  it('decodes whatever was encoded, in any combination and in pieces of any size', async () => {
    const codings = fc.array(fc.constantFrom(...Object.keys(encoders)), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), codings, fc.integer({ min: 1, max: 50 }), async (bytes, names, pieceBytes) => {
        const codings = names.join(', ');
        const body = encoded(codings, bytes);
        assert.deepEqual(await inPieces({ codings: [codings], body }, pieceBytes), Buffer.from(bytes));
        const atOnce = await whole(body, { 'content-encoding': codings }).arrayBuffer();
        assert.deepEqual(Buffer.from(atOnce), Buffer.from(bytes));
      }),
      { numRuns: 40 },
    );
  });

  it('undoes zstd exactly where this Node can', async () => {
    const body = zstdCompressSync?.(TEXT) ?? Buffer.from('untouched');
    const decoded = await whole(body, { 'content-encoding': 'zstd' }).text();
    assert.equal(decoded, zstdCompressSync === undefined ? 'untouched' : TEXT.toString());
  });

  it('decodes nothing to nothing, by whatever coding, at once and in pieces', async () => {
    for (const coding of Object.keys(encoders)) {
      assert.equal(await whole('', { 'content-encoding': coding }).text(), '', coding);
      const ofNothing = encoded('gzip', Buffer.alloc(0));
      assert.equal(await whole(ofNothing, { 'content-encoding': `${coding}, gzip` }).text(), '', `${coding} within gzip`);
      assert.equal((await inPieces({ codings: [`${coding}, gzip`], body: ofNothing }, 5)).length, 0);
    }
  });

  it('rejects with a TypeError that says what is wrong and why', async () => {
    for (const body of ['plain text', 'plain text'.repeat(3000)]) {
      await assert.rejects(whole(body, { 'content-encoding': 'gzip' }).text(), (error) => {
        assert.ok(error instanceof MeshError && error instanceof TypeError);
        assert.equal(error.code, 'ERR_MESH_BODY');
        assert.match(error.message, /content-encoding says \(gzip\)/);
        assert.equal((error.cause as NodeJS.ErrnoException).code, 'Z_DATA_ERROR');
        return true;
      });
    }
  });

  it('refuses more codings than anybody means', async () => {
    const response = whole(TEXT, { 'content-encoding': 'gzip,gzip,gzip,gzip,gzip,gzip' });
    await assert.rejects(response.text(), { code: 'ERR_MESH_BODY', message: /6 content-codings, at most 5/ });
  });

  it('closes the connection of a body that turns out to be corrupt', async () => {
    const { response, reply, asked } = open({ 'content-encoding': 'gzip' });
    const read = response.text();
    reply.push(Buffer.from('plain text'));
    await assert.rejects(read, { code: 'ERR_MESH_BODY' });
    assert.equal(asked.length, 1);
    assert.match(asked[0] ?? '', /^abort .*incorrect header check/);
  });

  it('hands over the error of an encoded body that broke off, as it is', async () => {
    const { response, reply } = open({ 'content-encoding': 'gzip' });
    const read = response.text();
    const lost = new Error('lost');
    reply.push(encoded('gzip', NOISE).subarray(0, 100));
    reply.fail(lost);
    await assert.rejects(read, (error) => error === lost);
  });

  it('decodes no faster than its reader reads', async () => {
    const body = zlib.gzipSync(LARGE, { level: 0 });
    const { response, reply, asked } = open({ 'content-encoding': 'gzip' });
    const reader = response.body?.getReader();
    const first = reader?.read();
    await new Promise((resolve) => setImmediate(resolve));
    let at = 0;
    while (at < body.length && reply.push(body.subarray(at, at + 1024))) at += 1024;
    assert.ok(at < body.length / 2, 'the far end was told to pause');
    assert.ok(((await first)?.value?.length ?? 0) <= 2 * READ_AHEAD_BYTES);
    await reader?.cancel();
    assert.deepEqual(asked, ['abort undefined']);
  });

  it('hands over each line of a stream as soon as it came', async () => {
    const gzip = zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    const { response, reply } = open({ 'content-encoding': 'gzip', 'content-type': 'text/event-stream' });
    gzip.on('data', (bytes: Buffer) => reply.push(bytes));
    const reader = response.body?.getReader();
    for (const line of ['data: 1\n\n', 'data: 2\n\n']) {
      gzip.write(line);
      let seen = '';
      while (seen.length < line.length) seen += Buffer.from((await reader?.read())?.value ?? []).toString();
      assert.equal(seen, line);
    }
    gzip.destroy();
    await reader?.cancel();
  });

  it('has nothing to decode where there is no body', async () => {
    const { builtIn, mesh } = await bothOf({
      method: 'HEAD',
      headers: [
        ['Content-Encoding', 'gzip'],
        ['Content-Length', '50'],
      ],
    });
    assert.equal(await mesh.text(), await builtIn.text());
    assert.equal(await whole('', { 'content-encoding': 'gzip' }, 304).text(), '');
  });

  it('gives both halves of a clone the decoded body', async () => {
    const response = whole(encoded('gzip', TEXT), { 'content-encoding': 'gzip' });
    const clone = response.clone();
    assert.equal(await response.text(), TEXT.toString());
    assert.equal(await clone.text(), TEXT.toString());
  });
});
