import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';

/**
 * The body of a Request, where all of it is there already.
 *
 * A Request shows its body as a stream, also where it was made of text or bytes, and a stream is sent in chunks
 * and once. The built-in fetch looks behind the Request; nobody else can. Libraries that build on Request would
 * so lose the content-length, each retry and each redirect that keeps the body.
 *
 * But a stream over memory gives its chunks and its end without waiting for anything. So it is read for a few
 * turns of the microtask queue, in which no socket, file or timer can have a say. If it has ended by then, the
 * bytes are the body; if not, it is a stream in earnest, and what was read of it goes in front of the rest.
 */

/** The streams of Node 20 to 26 take 3 to 6 turns for a chunk and as many for the end. */
const TURNS = 64;

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Read = Awaited<ReturnType<Reader['read']>>;

/** The bytes, or a stream of the same. Rejects with the stream's own error. `stream` is locked from now on. */
export async function readyBody(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let turns = TURNS;
  for (;;) {
    const reading = reader.read();
    let read: Read | undefined;
    reading.then(
      (result) => {
        read = result;
      },
      () => {},
    );
    while (read === undefined && turns-- > 0) await undefined;
    if (read === undefined) return new Rest(chunks, reading, reader);
    if (read.done) return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
    chunks.push(read.value);
  }
}

/** What was read, and then what is still to come. An object and not a generator: it must let go also when nobody has begun to read it. */
class Rest implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  constructor(
    private readonly chunks: Uint8Array[],
    private reading: Promise<Read> | undefined,
    private readonly reader: Reader,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.chunks.shift();
    if (chunk !== undefined) return { done: false, value: chunk };
    const { done, value } = await (this.reading ?? this.reader.read());
    this.reading = undefined;
    return done ? { done, value: undefined } : { done, value };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.reader.cancel();
    return { done: true, value: undefined };
  }
}
