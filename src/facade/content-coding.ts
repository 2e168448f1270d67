import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { ReplyReader } from '../core/reply.js';

/**
 * The content-codings (RFC 9110 section 8.4.1, RFC 7932 for br, RFC 8878 for zstd), each undone by Node's
 * zlib: at once, or chunk by chunk.
 *
 * All decoders are told to flush what they have rather than to wait for more and to complain at an early end:
 * the lines of a stream must not be held back, and the built-in fetch hands over cut bodies all the same.
 */

const CODINGS = ['gzip', 'x-gzip', 'deflate', 'br', 'zstd'] as const;

/** A content-coding that can be undone. */
export type Coding = (typeof CODINGS)[number];

/** zstd came to zlib with Node 22.15, so that the types of Node 20 do not know it. */
interface ZstdCapable {
  readonly createZstdDecompress?: (options: object) => Transform;
  readonly zstdDecompressSync?: (bytes: Buffer, options: object) => Buffer;
  readonly constants: { readonly ZSTD_e_continue?: number; readonly ZSTD_e_end?: number };
}
const { createZstdDecompress, zstdDecompressSync, constants: zstdConstants } = zlib as unknown as ZstdCapable;

const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = zlib.constants;
const ZLIB_FLUSH = { flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH };
const BROTLI_FLUSH = { flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH };
const ZSTD_FLUSH = { flush: zstdConstants.ZSTD_e_continue, finishFlush: zstdConstants.ZSTD_e_end };

/** Whether `name`, in lower case, is a coding that this Node can undo. */
export function isCoding(name: string): name is Coding {
  return (CODINGS as readonly string[]).includes(name) && (name !== 'zstd' || createZstdDecompress !== undefined);
}

/**
 * Undoes `codings` in their order, the event loop waiting; undefined if any step gives more than `maxBytes`.
 * @throws what zlib throws, for bytes that are not what they should be.
 */
export function decodeAtOnce(encoded: Buffer, codings: readonly Coding[], maxBytes: number): Buffer | undefined {
  try {
    let bytes = encoded;
    for (const coding of codings) {
      if (bytes.length > 0) bytes = decode(coding, bytes, maxBytes);
    }
    return bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

function decode(coding: Coding, bytes: Buffer, maxOutputLength: number): Buffer {
  if (coding === 'br') return zlib.brotliDecompressSync(bytes, { ...BROTLI_FLUSH, maxOutputLength });
  if (coding === 'zstd' && zstdDecompressSync !== undefined) return zstdDecompressSync(bytes, { ...ZSTD_FLUSH, maxOutputLength });
  const options = { ...ZLIB_FLUSH, maxOutputLength };
  if (coding !== 'deflate') return zlib.gunzipSync(bytes, options);
  return hasZlibHeader(bytes) ? zlib.inflateSync(bytes, options) : zlib.inflateRawSync(bytes, options);
}

/**
 * `deflate` means the zlib format, and many servers send bare deflate data. The compression method in the
 * first byte's low half tells the two apart (RFC 1950 section 2.2; 8 is the only one there ever was).
 */
function hasZlibHeader(bytes: Buffer): boolean {
  return ((bytes[0] as number) & 0x0f) === 8;
}

function decoderFor(coding: Coding, firstBytes: Buffer): Transform {
  if (coding === 'br') return zlib.createBrotliDecompress(BROTLI_FLUSH);
  if (coding === 'zstd' && createZstdDecompress !== undefined) return createZstdDecompress(ZSTD_FLUSH);
  if (coding !== 'deflate') return zlib.createGunzip(ZLIB_FLUSH);
  return hasZlibHeader(firstBytes) ? zlib.createInflate(ZLIB_FLUSH) : zlib.createInflateRaw(ZLIB_FLUSH);
}

/** What a stage asks for more when it can take more. */
interface Resumable {
  resume(): void;
}

/**
 * One coding in a chain of them. Its decoder is made when the first bytes come: an empty body is no error
 * however it was encoded, and `deflate` is known by its first byte only.
 */
export class DecodingStage implements ReplyReader, Resumable {
  /** Where the bytes come from. */
  previous: Resumable | undefined = undefined;
  private decoder: Transform | undefined = undefined;
  private destroyed = false;

  constructor(
    private readonly coding: Coding,
    readonly next: ReplyReader,
  ) {}

  chunk(bytes: Buffer): boolean {
    if (this.destroyed || bytes.length === 0) return true;
    this.decoder ??= this.start(bytes);
    return this.decoder.write(bytes);
  }

  end(): void {
    if (this.decoder === undefined) this.next.end();
    else this.decoder.end();
  }

  error(reason: unknown): void {
    this.next.error(reason);
  }

  resume(): void {
    this.decoder?.resume();
  }

  /** Frees the decoders of this stage and the following ones. Nothing comes out of them any more. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.decoder?.destroy();
    if (this.next instanceof DecodingStage) this.next.destroy();
  }

  private start(firstBytes: Buffer): Transform {
    const { next } = this;
    const decoder = decoderFor(this.coding, firstBytes);
    decoder.on('data', (bytes: Buffer) => {
      if (!this.destroyed && next.chunk(bytes) === false) decoder.pause();
    });
    decoder.on('drain', () => this.previous?.resume());
    decoder.on('end', () => next.end());
    decoder.on('error', (error) => next.error(error));
    return decoder;
  }
}
