import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { READ_AHEAD_BYTES } from '../../src/core/reply.js';
import { meshResponseClass } from '../../src/facade/response.js';
import { open, openReply, whole, wholeReply } from './support/replies.js';

const MeshResponse = meshResponseClass();

describe('MeshResponse', () => {
  it('shows its URL without the fragment, and whether it was redirected', () => {
    const response = new MeshResponse(wholeReply(), 'http://users/42?a#b', true);
    assert.equal(response.url, 'http://users/42?a');
    assert.equal(response.redirected, true);
    assert.equal(response.clone().redirected, true);
    assert.equal(response.clone().url, 'http://users/42?a');
  });

  it('decodes text as TextDecoder does, whatever the bytes', () => {
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        assert.equal(await whole(bytes).text(), new TextDecoder().decode(bytes));
      }),
    );
  });

  it('reads the same from a body in pieces as from a whole one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 6 }), fc.nat(6), async (chunks, early) => {
        const { response, reply } = open();
        for (const chunk of chunks.slice(0, early)) reply.push(Buffer.from(chunk));
        const read = response.arrayBuffer();
        for (const chunk of chunks.slice(early)) reply.push(Buffer.from(chunk));
        reply.end();
        assert.deepEqual(Buffer.from(await read), Buffer.concat(chunks));
      }),
    );
  });

  it('gives away memory that nobody else holds', async () => {
    const bytes = Buffer.from('shared memory of the wire');
    const { reply } = openReply();
    reply.push(bytes.subarray(0, 6));
    reply.end();
    const response = new MeshResponse(reply, '', false);
    const clone = response.clone();
    const buffer = await response.arrayBuffer();
    assert.equal(buffer.byteLength, 6, 'no more of the pool than the body');
    new Uint8Array(buffer).fill(0);
    assert.equal(bytes.toString(), 'shared memory of the wire');
    assert.equal(await clone.text(), 'shared');
  });

  it('says what the built-in one says to a second read, whatever the first one was', async () => {
    for (const first of ['text', 'json', 'arrayBuffer', 'blob', 'bytes'] as const) {
      const response = whole('"abc"');
      await response[first]();
      await assert.rejects(response.text(), { name: 'TypeError', message: 'Body is unusable: Body has already been read' });
      assert.throws(() => response.clone(), { name: 'TypeError', message: 'Response.clone: Body has already been consumed.' });
      assert.throws(() => new Response(response.body as unknown as ReadableStream), TypeError);
      assert.equal(response.bodyUsed, true);
    }
  });

  it('is used from the moment a read begins', async () => {
    const { response, reply } = open();
    const first = response.text();
    assert.equal(response.bodyUsed, true);
    assert.equal(response.body?.locked, true);
    await assert.rejects(response.text(), /Body has already been read/);
    reply.push(Buffer.from('abc'));
    reply.end();
    assert.equal(await first, 'abc');
  });

  it('hands over the error that broke the body off, as it is', async () => {
    const lost = new Error('lost');
    for (const read of ['text', 'json', 'arrayBuffer', 'blob', 'formData'] as const) {
      const { response, reply } = open();
      const reading = response[read]();
      reply.push(Buffer.from('half'));
      reply.fail(lost);
      await assert.rejects(reading, (error) => error === lost, read);
    }
    const { response, reply } = open();
    reply.push(Buffer.from('half'));
    reply.fail(lost);
    await assert.rejects(response.text(), (error) => error === lost, 'also if it broke before the read');
  });

  it("hands over the caller's own reason when a body that is all here is aborted before it was read", async () => {
    const reply = wholeReply('abc');
    const response = new MeshResponse(reply, '', false);
    const reason = new DOMException('enough', 'AbortError');
    reply.cancel(reason);
    await assert.rejects(response.json(), (error) => error === reason);
  });

  it('spares the connection of an answer that has no body, and cuts off a server that sends one all the same', () => {
    for (const [status, method] of [
      [205, 'GET'],
      [204, 'GET'],
      [200, 'HEAD'],
    ] as const) {
      const { reply, asked } = openReply({ 'content-length': '5000000' }, status);
      const response = new MeshResponse(reply, '', false, method);
      assert.equal(response.body, null);
      assert.equal(response.clone().body, null);
      assert.equal(response.bodyUsed, false);
      assert.deepEqual(asked, []);
      reply.push(Buffer.alloc(READ_AHEAD_BYTES));
      assert.deepEqual(asked, ['abort undefined']);
    }
  });

  it('clones a body that is still coming, and each half reads all of it at its own pace', async () => {
    const { response, reply } = open();
    reply.push(Buffer.from('ab'));
    const clone = response.clone();
    const again = clone.clone();
    const slow = clone.body?.getReader();
    const fast = response.text();
    reply.push(Buffer.from('cd'));
    reply.end();
    assert.equal(await fast, 'abcd');
    const chunks: string[] = [];
    for (;;) {
      const read = await slow?.read();
      if (read === undefined || read.done) break;
      chunks.push(Buffer.from(read.value).toString());
    }
    assert.equal(chunks.join(''), 'abcd');
    assert.equal(await again.text(), 'abcd');
  });

  it('keeps its headers separate from its clone, and both immutable', () => {
    const response = whole('', { 'x-a': '1' });
    assert.notEqual(response.clone().headers, response.headers);
    assert.equal(response.headers, response.headers);
    assert.throws(() => response.headers.set('x-a', '2'), { name: 'TypeError', message: 'immutable' });
  });

  it('compiles WebAssembly from its stream', async () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const { compileStreaming: compile } = (globalThis as unknown as { WebAssembly: { compileStreaming(source: unknown): Promise<object> } })
      .WebAssembly;
    assert.equal(
      Object.prototype.toString.call(await compile(whole(empty, { 'content-type': 'application/wasm' }))),
      '[object WebAssembly.Module]',
    );
    await assert.rejects(compile(whole(empty, { 'content-type': 'text/plain' })), TypeError);
  });

  it('lends its body to a new Response and a new Request', async () => {
    const response = whole('abc', { 'x-a': '1' }, 203);
    const copy = new Response(response.body as unknown as ReadableStream, response as unknown as ResponseInit);
    assert.equal(copy.status, 203);
    assert.equal(copy.headers.get('x-a'), '1');
    assert.equal(await copy.text(), 'abc');
    assert.equal(response.bodyUsed, true);

    const lent = whole('def');
    const request = new Request('http://users/', {
      method: 'POST',
      body: lent.body as unknown as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    assert.equal(await request.text(), 'def');
    await assert.rejects(lent.text(), /Body has already been read/);
  });
});
