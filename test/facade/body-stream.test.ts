import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type { ReadableStream } from 'node:stream/web';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { READ_AHEAD_BYTES } from '../../src/core/reply.js';
import { open, whole } from './support/replies.js';

/** The stream of a response that has one. */
function streamOf({ body }: { readonly body: ReadableStream<Uint8Array> | null }): ReadableStream<Uint8Array> {
  assert.ok(body);
  return body;
}

/** Lets every promise settle that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the body stream', () => {
  it('is the same at each look, and a look alone neither reads nor uses it', async () => {
    const { response, reply } = open();
    const stream = streamOf(response);
    assert.equal(response.body, stream);
    assert.equal(response.bodyUsed, false);
    assert.equal(reply.claimed, false, 'so the read-ahead goes on');
    assert.equal(reply.push(Buffer.alloc(READ_AHEAD_BYTES - 1)), true);
  });

  it('asks the far end for no more than its reader does', async () => {
    const { response, reply, asked } = open();
    const reader = streamOf(response).getReader();
    const read = reader.read();
    await settled();
    assert.equal(reply.push(Buffer.from('a')), false, 'one read, one chunk');
    assert.equal(reply.push(Buffer.from('b')), false);
    reply.end();
    assert.equal(Buffer.from((await read).value ?? []).toString(), 'a');
    await settled();
    assert.deepEqual(asked, []);
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'b');
    assert.deepEqual(await reader.read(), { done: true, value: undefined });
  });

  it('resumes a far end that was paused as soon as somebody reads on', async () => {
    const { response, reply, asked } = open();
    const reader = streamOf(response).getReader();
    assert.equal(reply.push(Buffer.alloc(READ_AHEAD_BYTES)), false, 'the read-ahead is full');
    await reader.read();
    assert.deepEqual(asked, []);
    await settled();
    assert.deepEqual(asked, []);
    const read = reader.read();
    await settled();
    assert.deepEqual(asked, ['resume']);
    assert.equal(reply.push(Buffer.from('b')), false);
    assert.equal((await read).value?.length, 1);
  });

  it('loses nothing of a far end that does not pause when it is asked to', async () => {
    const { response, reply } = open();
    const reader = streamOf(response).getReader();
    reply.push(Buffer.from('a'));
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'a');
    for (const letter of 'bcd') assert.equal(reply.push(Buffer.from(letter)), false);
    reply.end();
    reader.releaseLock();
    const rest = await text(Readable.fromWeb(streamOf(response)));
    assert.equal(rest, 'bcd');
  });

  it('gives every byte once and in order, whatever the far end and the reader do', async () => {
    const step = fc.oneof(fc.constant('read' as const), fc.uint8Array({ minLength: 1, maxLength: 5 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.boolean(), async (steps, byob) => {
        const { response, reply } = open();
        const stream = streamOf(response);
        const received: Promise<Uint8Array>[] = [];
        const reader = byob ? stream.getReader({ mode: 'byob' }) : stream.getReader();
        const take = async () => {
          const { value } = await reader.read(new Uint8Array(3));
          return value ?? new Uint8Array(0);
        };
        for (const each of steps) {
          if (each === 'read') received.push(take());
          else reply.push(Buffer.from(each));
        }
        reply.end();
        for (;;) {
          const last = take();
          received.push(last);
          if ((await last).length === 0) break;
        }
        const sent = Buffer.concat(steps.filter((each) => each !== 'read'));
        assert.deepEqual(Buffer.concat(await Promise.all(received)), sent);
        assert.equal(response.bodyUsed, true);
      }),
    );
  });

  it('fills the own buffer of a reader that brings one, and ends with it', async () => {
    const reader = streamOf(whole('abcde')).getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(3));
    assert.equal(Buffer.from(first.value ?? []).toString(), 'abc');
    assert.equal(Buffer.from((await reader.read(new Uint8Array(3))).value ?? []).toString(), 'de');
    assert.equal((await reader.read(new Uint8Array(3))).done, true);
    const empty = streamOf(whole('')).getReader({ mode: 'byob' });
    assert.equal((await empty.read(new Uint8Array(3))).done, true, 'an empty body does not hang');
  });

  it('ends a read that waits when the body ends', async () => {
    const { response, reply } = open();
    const reader = streamOf(response).getReader({ mode: 'byob' });
    const read = reader.read(new Uint8Array(3));
    await settled();
    reply.end();
    assert.equal((await read).done, true);
  });

  it('hands over chunks that may be transferred without harm to the bytes they came from', async () => {
    const bytes = Buffer.from('pooled');
    const { response, reply } = open();
    reply.push(bytes);
    const { value } = await streamOf(response).getReader().read();
    assert.ok(value);
    structuredClone(value, { transfer: [value.buffer as ArrayBuffer] });
    assert.equal(bytes.toString(), 'pooled');
  });

  it('can be piped, iterated and made a Node stream', async () => {
    const upper = new TransformStream<string, string>({ transform: (chunk, to) => to.enqueue(chunk.toUpperCase()) });
    const piped = streamOf(whole('abc'))
      .pipeThrough(new TextDecoderStream() as never)
      .pipeThrough(upper as never);
    assert.equal(await text(piped as never), 'ABC');
    assert.equal((await buffer(Readable.fromWeb(streamOf(whole('def'))))).toString(), 'def');
    const written: Uint8Array[] = [];
    await streamOf(whole('ghi')).pipeTo(new WritableStream({ write: (chunk: Uint8Array) => void written.push(chunk) }) as never);
    assert.equal(Buffer.concat(written).toString(), 'ghi');
  });

  it('is read by text() once it was looked at, and then locked', async () => {
    const { response, reply } = open();
    const stream = streamOf(response);
    const read = response.text();
    assert.equal(response.bodyUsed, true);
    for (const letter of 'abc') {
      reply.push(Buffer.from(letter));
      await settled();
    }
    reply.end();
    assert.equal(await read, 'abc');
    assert.equal(stream.locked, true);
  });

  it('cannot be read by text() while a reader holds it, and can be once it let go unread', async () => {
    const response = whole('abc');
    const reader = streamOf(response).getReader();
    await assert.rejects(response.text(), /Body has already been read/);
    assert.equal(response.bodyUsed, false);
    reader.releaseLock();
    assert.equal(await response.text(), 'abc');
  });

  it('closes the connection of a long body when it is cancelled, and reads a short one to its end', async () => {
    const long = open();
    await streamOf(long.response).cancel('enough');
    assert.deepEqual(long.asked, ['abort enough']);
    assert.equal(long.response.bodyUsed, true);

    const short = open({ 'content-length': '6' });
    const reader = streamOf(short.response).getReader();
    short.reply.push(Buffer.from('abc'));
    await reader.read();
    await reader.cancel('enough');
    assert.equal(short.reply.push(Buffer.from('def')), true);
    short.reply.end();
    assert.deepEqual(short.asked, ['resume'], 'the reader had asked for a pause');
    assert.equal(short.reply.ending, 'ended');
  });

  it('stops an endless stream of events at once, though little of it has come', async () => {
    const { response, reply, asked } = open({ 'content-type': 'text/event-stream' });
    for await (const chunk of withPush(streamOf(response), () => reply.push(Buffer.from('data: 1\n\n')))) {
      assert.equal(Buffer.from(chunk).toString(), 'data: 1\n\n');
      break;
    }
    assert.deepEqual(asked, ['abort undefined']);
  });

  it('fails at once and with the error itself when the body breaks off, read or not', async () => {
    const lost = new Error('lost');
    const unread = open();
    const closed = streamOf(unread.response).getReader().closed;
    unread.reply.fail(lost);
    await assert.rejects(closed, (error) => error === lost);

    const halfRead = open();
    const reader = streamOf(halfRead.response).getReader();
    halfRead.reply.push(Buffer.from('a'));
    await reader.read();
    halfRead.reply.fail(lost);
    await assert.rejects(reader.closed, (error) => error === lost, 'though nobody is reading at the moment');

    const aborted = open();
    const reading = streamOf(aborted.response).getReader().read();
    const reason = new DOMException('enough', 'AbortError');
    aborted.reply.cancel(reason);
    await assert.rejects(reading, (error) => error === reason);
  });

  it('keeps quiet about a failure after it was cancelled', async () => {
    const { response, reply } = open();
    await streamOf(response).cancel();
    reply.fail(new Error('late'));
    reply.push(Buffer.from('late'));
    reply.end();
    await settled();
    assert.equal(response.bodyUsed, true);
  });

  it('can be teed, and the slower half does not hold the faster one back', async () => {
    const { response, reply } = open();
    const [fast, slow] = streamOf(response).tee();
    const ahead = text(fast as never);
    for (const letter of 'abc') {
      reply.push(Buffer.from(letter));
      await settled();
    }
    reply.end();
    assert.equal(await ahead, 'abc');
    assert.equal(await text(slow as never), 'abc');
  });
});

/** Iterates `stream`, and has the far end send once the first read waits. */
async function* withPush(stream: ReadableStream<Uint8Array>, push: () => void): AsyncGenerator<Uint8Array> {
  setImmediate(push);
  for await (const chunk of stream) yield chunk;
}
