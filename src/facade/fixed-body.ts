import type { RequestBody } from '../core/request-body.js';
import { chunksOf } from './body-chunks.js';
import type { BlobLike } from './body-shapes.js';

/** Bytes that are all here: each attempt sends the same ones. */
export class BytesBody implements RequestBody {
  readonly replayable = true;
  readonly length: number;

  constructor(private readonly bytes: Uint8Array) {
    this.length = bytes.length;
  }

  open(): Uint8Array {
    return this.bytes;
  }

  discard(): void {}
}

/** A Blob or File, which never changes: each attempt reads it anew, as far as it comes. */
export class BlobBody implements RequestBody {
  readonly replayable = true;
  readonly length: number;

  constructor(private readonly blob: BlobLike) {
    this.length = blob.size;
  }

  open(): AsyncIterable<Uint8Array> {
    return chunksOf(this.blob.stream());
  }

  discard(): void {}
}
