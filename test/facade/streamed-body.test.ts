import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chunkSource } from '../../src/facade/body-chunks.js';
import { StreamedBody } from '../../src/facade/streamed-body.js';
import { bytesOf } from './support/echo.js';

/** A stream that a test feeds chunk by chunk, and what became of it. */
function fed(keepBytes: number) {
  const cancelled: unknown[] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return {
    body: new StreamedBody(chunkSource(stream as never), keepBytes),
    cancelled,
    push: (text: string) => controller?.enqueue(Buffer.from(text)),
    end: () => controller?.close(),
    fail: (error: unknown) => controller?.error(error),
  };
}

/** The next chunk of an attempt, as text; undefined at the end. */
async function next(attempt: AsyncGenerator<Uint8Array>): Promise<string | undefined> {
  const { done, value } = await attempt.next();
  return done === true ? undefined : Buffer.from(value).toString();
}

describe('a streamed body', () => {
  it('is sent once: it can be replayed until its first chunk is taken, and not after', async () => {
    const { body, push, end } = fed(0);
    push('abc');
    const unsent = body.open();
    assert.equal(body.replayable, true, 'an attempt that found no connection took nothing');
    const sent = body.open();
    assert.equal(await next(sent), 'abc');
    assert.equal(body.replayable, false);
    end();
    assert.equal(await next(sent), undefined);
    await assert.rejects(next(unsent), { name: 'TypeError', message: /cannot be sent again/ });
    await assert.rejects(next(body.open()), TypeError);
  });

  it('is replayed from the start as long as all of it was kept', async () => {
    const { body, push, end } = fed(6);
    push('abc');
    const first = body.open();
    assert.equal(await next(first), 'abc');
    await first.return(undefined);
    assert.equal(body.replayable, true);
    const second = body.open();
    assert.equal(await next(second), 'abc');
    push('def');
    assert.equal(await next(second), 'def');
    end();
    assert.equal(await next(second), undefined);
    assert.equal((await bytesOf(body.open())).toString(), 'abcdef', 'also once the stream has ended');
    assert.equal(body.replayable, true);
  });

  it('lets go of what it kept as soon as it is too much, and the attempt goes on', async () => {
    const { body, push, end } = fed(5);
    push('abc');
    push('def');
    const first = body.open();
    assert.equal(await next(first), 'abc');
    assert.equal(body.replayable, true);
    assert.equal(await next(first), 'def');
    assert.equal(body.replayable, false);
    push('ghi');
    end();
    assert.equal(await next(first), 'ghi');
    assert.equal(await next(first), undefined);
  });

  it('keeps copies, since a producer may use its buffer again', async () => {
    const buffer = Buffer.from('abc');
    const body = new StreamedBody(
      chunkSource(
        (async function* () {
          yield buffer;
          buffer.fill('x');
        })(),
      ),
      10,
    );
    await bytesOf(body.open());
    assert.equal((await bytesOf(body.open())).toString(), 'abc');
  });

  it('cancels the stream once the last attempt that could send it has given up', async () => {
    const { body, push, cancelled } = fed(0);
    push('abc');
    const only = body.open();
    await next(only);
    await only.return(undefined);
    assert.equal(cancelled.length, 1);
  });

  it('leaves the stream alone for the next attempt where it can be replayed', async () => {
    const { body, push, cancelled } = fed(10);
    push('abc');
    const first = body.open();
    await next(first);
    await first.return(undefined);
    assert.deepEqual(cancelled, []);
    body.discard('over');
    assert.deepEqual(cancelled, ['over']);
  });

  it('is cancelled unread when the call is over before it was sent', () => {
    const { body, cancelled } = fed(0);
    body.discard('over');
    body.discard('again');
    assert.deepEqual(cancelled, ['over']);
    assert.equal(body.replayable, false);
  });

  it('never looks complete to an attempt that is still sending when the call is over', async () => {
    const { body, push } = fed(10);
    push('abc');
    const attempt = body.open();
    assert.equal(await next(attempt), 'abc');
    body.discard();
    await assert.rejects(next(attempt), { name: 'TypeError', message: /not sent to the end/ });
  });

  it('fails each attempt with the error of the stream, as it is', async () => {
    const { body, push, fail } = fed(10);
    push('abc');
    const first = body.open();
    const second = body.open();
    assert.equal(await next(first), 'abc');
    const mine = new RangeError('mine');
    fail(mine);
    await assert.rejects(next(first), (error) => error === mine);
    await assert.rejects(bytesOf(second), (error) => error === mine);
    assert.equal(body.replayable, false);
  });

  it('refuses chunks that are no bytes, and lets go of the stream', async () => {
    let returned = false;
    const body = new StreamedBody(
      chunkSource(
        (async function* () {
          try {
            yield { a: 1 };
          } finally {
            returned = true;
          }
        })(),
      ),
      0,
    );
    await assert.rejects(bytesOf(body.open()), { code: 'ERR_MESH_REQUEST', message: /must be bytes or a string, got an object/ });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(returned, true);
  });

  it('gives every attempt all of the bytes or an error, whatever order the attempts take turns in', async () => {
    const chunks = fc.array(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 6 });
    const turns = fc.array(fc.nat(2), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.nat(12), turns, async (texts, keepBytes, order) => {
        const { body, push, end } = fed(keepBytes);
        for (const text of texts) push(text);
        end();
        const attempts = [0, 1, 2].map(() => ({ chunks: body.open(), seen: '', state: 'open' as 'open' | 'ended' | 'failed' }));
        const turn = async (attempt: (typeof attempts)[number]) => {
          if (attempt.state !== 'open') return;
          try {
            const chunk = await next(attempt.chunks);
            if (chunk === undefined) attempt.state = 'ended';
            else attempt.seen += chunk;
          } catch {
            attempt.state = 'failed';
          }
        };
        // Attempts overlap; each of them waits for its own chunk before it asks for the next.
        const queues = attempts.map((attempt, index) =>
          order.filter((each) => each === index).reduce((before) => before.then(() => turn(attempt)), Promise.resolve()),
        );
        await Promise.all(queues);
        for (const attempt of attempts) while (attempt.state === 'open') await turn(attempt);
        const whole = Buffer.from(texts.join('')).toString();
        for (const { state, seen } of attempts) if (state === 'ended') assert.equal(seen, whole);
        assert.ok(
          attempts.some(({ state }) => state === 'ended'),
          'at least the first to read gets to the end',
        );
        if (Buffer.byteLength(whole) <= keepBytes) assert.ok(attempts.every(({ state }) => state === 'ended'));
      }),
    );
  });
});
