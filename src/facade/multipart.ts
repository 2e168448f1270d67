import type { Random } from '../core/random.js';
import type { RequestBody } from '../core/request-body.js';
import { chunksOf } from './body-chunks.js';
import { type BlobLike, type FormDataLike, isBlob } from './body-shapes.js';

/**
 * `multipart/form-data` (RFC 7578), in the encoding of the HTML standard ("multipart/form-data encoding
 * algorithm"): line ends become CRLF, and what would end a quoted name is percent-encoded.
 *
 * The form is encoded once, when the request is made, with one boundary for all attempts, so that each sends
 * the same bytes and the form may be changed meanwhile. Files are read anew for each attempt.
 */
export class MultipartBody implements RequestBody {
  readonly replayable = true;
  /** Undefined where a file does not know its size. */
  readonly length: number | undefined;
  private readonly parts: readonly (Buffer | BlobLike)[];

  constructor(form: FormDataLike, boundary: string) {
    const parts: (Buffer | BlobLike)[] = [];
    let text = '';
    for (const [name, value] of form.entries()) {
      text += `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(withCrlf(name))}"`;
      if (isFile(value)) {
        const fileName = typeof value.name === 'string' && value.name !== '' ? `; filename="${escaped(value.name)}"` : '';
        text += `${fileName}\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`;
        parts.push(Buffer.from(text), value);
        text = '\r\n';
      } else {
        text += `\r\n\r\n${withCrlf(String(value))}\r\n`;
      }
    }
    // The last line end is for servers that wait for one, which are old and many.
    parts.push(Buffer.from(`${text}--${boundary}--\r\n`));
    this.parts = parts;
    this.length = totalLength(parts);
  }

  open(): Uint8Array | AsyncIterable<Uint8Array> {
    const [only] = this.parts;
    return this.parts.length === 1 && only instanceof Uint8Array ? only : chunksOfParts(this.parts);
  }

  discard(): void {}
}

/** A boundary that no text of the form's contains but by a chance of one in 10^22. */
export function makeBoundary(random: Random): string {
  const digits = () =>
    Math.floor(random.next() * 1e11)
      .toString()
      .padStart(11, '0');
  return `----formdata-fetchmesh-${digits()}${digits()}`;
}

export function multipartType(boundary: string): string {
  return `multipart/form-data; boundary=${boundary}`;
}

async function* chunksOfParts(parts: readonly (Buffer | BlobLike)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* chunksOf(part.stream());
  }
}

function totalLength(parts: readonly (Buffer | BlobLike)[]): number | undefined {
  let length = 0;
  for (const part of parts) length += part instanceof Uint8Array ? part.length : part.size;
  return Number.isFinite(length) ? length : undefined;
}

function isFile(value: unknown): value is BlobLike {
  return typeof value === 'object' && value !== null && isBlob(value);
}

function withCrlf(text: string): string {
  return text.replace(/\r?\n|\r/g, '\r\n');
}

function escaped(text: string): string {
  return text.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22');
}
