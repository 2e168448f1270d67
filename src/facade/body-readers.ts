import type { ReadableStream } from 'node:stream/web';
import type { Reply, ReplyReader } from '../core/reply.js';

/**
 * Reading a body to its end, and what becomes of it then.
 *
 * No stream takes part where none was asked for: a ReadableStream costs 7 to 15 microseconds to make, which
 * is as much as all the rest of a call.
 */

/**
 * Makes of a whole body what the caller wants. `owned` bytes may be given away; others are a view of what the
 * wire, or a clone, still holds.
 */
export type Convert<T> = (bytes: Buffer, owned: boolean) => T;

/** A byte order mark is no part of the text, and bytes that are no UTF-8 become U+FFFD. */
export function toText(bytes: Buffer): string {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return bytes.toString('utf8', hasMark ? 3 : 0);
}

export function toJson(bytes: Buffer): unknown {
  return JSON.parse(toText(bytes));
}

export function toArrayBuffer(bytes: Buffer, owned: boolean): ArrayBuffer {
  return toBytes(bytes, owned).buffer;
}

/** An array that shares its memory with nobody: a caller may write to it or transfer it. */
export function toBytes(bytes: Buffer, owned: boolean): Uint8Array<ArrayBuffer> {
  const { buffer, length } = bytes;
  return owned && buffer instanceof ArrayBuffer && buffer.byteLength === length ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** Reads what is left of `reply`. Rejects with whatever broke it off, as it is. */
export function collect<T>(reply: Reply, convert: Convert<T>): Promise<T> {
  return new Promise((resolve, reject) => reply.read(new Collector(resolve, reject, convert)));
}

class Collector<T> implements ReplyReader {
  private readonly chunks: Buffer[] = [];

  constructor(
    private readonly resolve: (value: T) => void,
    private readonly reject: (reason: unknown) => void,
    private readonly convert: Convert<T>,
  ) {}

  chunk(bytes: Buffer): boolean {
    this.chunks.push(bytes);
    return true;
  }

  end(): void {
    try {
      this.resolve(convertAll(this.chunks, this.convert));
    } catch (error) {
      this.reject(error);
    }
  }

  error(reason: unknown): void {
    this.chunks.length = 0;
    this.reject(reason);
  }
}

/** Reads what is left of `stream`, which stays locked, as the built-in readers leave it. */
export async function collectStream<T>(stream: ReadableStream<Uint8Array>, convert: Convert<T>): Promise<T> {
  const reader = stream.getReader();
  const chunks: Buffer[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return convertAll(chunks, convert);
    chunks.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }
}

function convertAll<T>(chunks: readonly Buffer[], convert: Convert<T>): T {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return convert(only, false);
  return convert(Buffer.concat(chunks), true);
}
