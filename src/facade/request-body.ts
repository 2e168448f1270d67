import { Readable } from 'node:stream';
import { isArrayBuffer, isSharedArrayBuffer } from 'node:util/types';
import { wholeNumberIn } from '../core/options-check.js';
import { type Random, systemRandom } from '../core/random.js';
import type { RequestBody } from '../core/request-body.js';
import { chunkSource } from './body-chunks.js';
import { isAsyncIterable, isBlob, isFormData, isSearchParams, isStream } from './body-shapes.js';
import { FactoryBody } from './factory-body.js';
import type { BodySource, MeshBody } from './fetch-types.js';
import { BlobBody, BytesBody } from './fixed-body.js';
import { MultipartBody, makeBoundary, multipartType } from './multipart.js';
import { StreamedBody } from './streamed-body.js';

/**
 * From what a caller passes as `body` to what can be sent, and sent again (Fetch standard, "extract a body").
 *
 * A body is replayed byte for byte or not at all. Text, bytes, parameters, blobs and forms are the same for
 * each attempt; a stream is sent once, unless a function makes it anew or its bytes are kept (`bufferBody`).
 *
 * Differences from the built-in fetch: a function is called for the body instead of being sent as its source
 * text, and an object that fetch would turn into the text "[object Something]" is refused, since nobody has
 * ever meant to send that.
 */

/** How a body is extracted. */
export interface ExtractOptions {
  /** Must be 'half' for a stream, as the standard demands. */
  readonly duplex?: unknown;
  /** Up to how many bytes of a stream are kept to be sent again. A whole number from 0 to 2^30. Default 0. */
  readonly bufferBody?: number | undefined;
  /** What the boundaries of forms are drawn from. */
  readonly random?: Random | undefined;
}

export interface ExtractedBody {
  readonly body: RequestBody | undefined;
  /** The content type that goes with it, unless the caller gave another. */
  readonly contentType: string | undefined;
}

const NO_BODY: ExtractedBody = { body: undefined, contentType: undefined };
const NO_OPTIONS: ExtractOptions = {};
const MAX_BUFFER_BYTES = 2 ** 30;

/**
 * @throws TypeError as fetch does, and ConfigError for a bad `bufferBody`.
 * @example const { body, contentType } = extractBody(JSON.stringify({ id: 42 }));
 */
export function extractBody(body: MeshBody | null | undefined, options: ExtractOptions = NO_OPTIONS): ExtractedBody {
  if (body === undefined || body === null) return NO_BODY;
  const { duplex, bufferBody = 0 } = options;
  if (duplex !== undefined && duplex !== 'half') throw new TypeError(`duplex must be 'half', got ${String(duplex)}`);
  wholeNumberIn('mesh.bufferBody', bufferBody, 0, MAX_BUFFER_BYTES, 'bytes');
  if (typeof body === 'function') return fromFactory(body, options.random);
  return extract(body, duplex === 'half', bufferBody, options.random, undefined);
}

/** `boundary`: that of the form which this one takes the place of. */
function extract(
  body: NonNullable<MeshBody>,
  streamsAllowed: boolean,
  bufferBytes: number,
  random: Random | undefined,
  boundary: string | undefined,
): ExtractedBody {
  if (typeof body === 'string') return { body: new BytesBody(Buffer.from(body)), contentType: 'text/plain;charset=UTF-8' };
  if (typeof body !== 'object') return fromText(body);
  if (ArrayBuffer.isView(body)) return fromBytes(body.buffer, body.byteOffset, body.byteLength);
  if (isArrayBuffer(body)) return fromBytes(body, 0, body.byteLength);
  if (isSearchParams(body)) {
    return { body: new BytesBody(Buffer.from(String(body))), contentType: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (isFormData(body)) {
    const ownBoundary = boundary ?? makeBoundary(random ?? systemRandom);
    return { body: new MultipartBody(body, ownBoundary), contentType: multipartType(ownBoundary) };
  }
  if (isBlob(body)) return { body: new BlobBody(body), contentType: body.type === '' ? undefined : body.type };
  if (isStream(body) || isAsyncIterable(body)) {
    if (!streamsAllowed) throw new TypeError('RequestInit: duplex option is required when sending a body.');
    if (isSpent(body)) throw new TypeError('Response body object should not be disturbed or locked');
    return { body: new StreamedBody(chunkSource(body), bufferBytes), contentType: undefined };
  }
  return fromText(body);
}

/** A copy: the caller may write to the memory as soon as the call was made. */
function fromBytes(memory: ArrayBufferLike, offset: number, length: number): ExtractedBody {
  if (isSharedArrayBuffer(memory)) throw new TypeError('a body must not be a view of a SharedArrayBuffer');
  return { body: new BytesBody(Buffer.from(new Uint8Array(memory, offset, length))), contentType: undefined };
}

function fromText(body: unknown): ExtractedBody {
  const text = `${body}`;
  if (text.startsWith('[object ')) {
    throw new TypeError(
      `a body must be text, bytes, URLSearchParams, a Blob, FormData, a stream or a function that makes one, got ${text}`,
    );
  }
  return extract(text, false, 0, undefined, undefined);
}

function fromFactory(make: () => BodySource, random: Random | undefined): ExtractedBody {
  const boundary = makeBoundary(random ?? systemRandom);
  const makeOne = (): { readonly body: RequestBody; readonly contentType: string | undefined } => {
    const made: unknown = make();
    if (made === undefined || made === null || typeof made === 'function') {
      throw new TypeError(`a body function must return a body, got ${made === null ? 'null' : typeof made}`);
    }
    return extract(made as NonNullable<MeshBody>, true, 0, random, boundary) as { body: RequestBody; contentType: string | undefined };
  };
  const { body, contentType } = makeOne();
  return { body: new FactoryBody(body, () => makeOne().body), contentType };
}

function isSpent(stream: object): boolean {
  return (stream as { readonly locked?: unknown }).locked === true || Readable.isDisturbed(stream as Readable);
}
