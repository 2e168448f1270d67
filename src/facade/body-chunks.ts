import { MeshError, show } from '../core/errors.js';
import { isAsyncIterable, isNodeReadable, isStream, type NodeReadable, type StreamLike, type StreamReader } from './body-shapes.js';

/** The chunks of a stream of any kind, asked for one by one. */
export interface ChunkSource {
  /** The next chunk, or undefined at the end. Rejects with the stream's own error. */
  next(): Promise<Uint8Array | undefined>;
  /** Nobody wants the rest. Never throws, since there is nobody to tell. */
  cancel(reason: unknown): void;
}

/** Makes a source of a ReadableStream, which is locked from now on, a Node stream, or any async iterable. */
export function chunkSource(stream: StreamLike | AsyncIterable<unknown>): ChunkSource {
  if (isStream(stream)) return new StreamSource(stream.getReader());
  return isNodeReadable(stream) ? new NodeSource(stream) : new IterableSource(stream);
}

/** The chunks of a Blob's `stream()`. A consumer that stops early cancels it. */
export async function* chunksOf(stream: unknown): AsyncGenerator<Uint8Array> {
  if (typeof stream !== 'object' || stream === null || !(isStream(stream) || isAsyncIterable(stream))) {
    throw new MeshError('ERR_MESH_REQUEST', `the stream() of a Blob must return a stream, got ${show(stream)}`);
  }
  const source = chunkSource(stream);
  try {
    for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
  } finally {
    source.cancel(undefined);
  }
}

class StreamSource implements ChunkSource {
  constructor(private readonly reader: StreamReader) {}

  async next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.reader.read();
    return done ? undefined : bytesOf(value);
  }

  cancel(reason: unknown): void {
    this.reader.cancel(reason).catch(ignore);
  }
}

class IterableSource implements ChunkSource {
  private iterator: AsyncIterator<unknown> | undefined = undefined;

  constructor(private readonly iterable: AsyncIterable<unknown>) {}

  async next(): Promise<Uint8Array | undefined> {
    this.iterator ??= this.iterable[Symbol.asyncIterator]();
    const { done, value } = await this.iterator.next();
    return done === true ? undefined : bytesOf(value);
  }

  cancel(_reason: unknown): void {
    this.stop().catch(ignore);
  }

  private async stop(): Promise<void> {
    this.iterator ??= this.iterable[Symbol.asyncIterator]();
    await this.iterator.return?.();
  }
}

/**
 * A Node stream that fails with nobody listening takes the process down, and a body may wait in a queue for
 * seconds before it is read. The error is not lost: whoever reads the stream gets it.
 */
class NodeSource extends IterableSource {
  constructor(private readonly readable: NodeReadable) {
    super(readable);
    readable.on('error', ignore);
  }

  override cancel(): void {
    this.readable.destroy();
  }
}

/**
 * Chunks that are bytes in any wrapping, and text, since streams of text are sent by the built-in fetch too.
 * Views are taken for their bytes.
 */
function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new MeshError('ERR_MESH_REQUEST', `a chunk of a request body must be bytes or a string, got ${show(chunk)}`);
}

function ignore(): void {}
