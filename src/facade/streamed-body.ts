import type { RequestBody } from '../core/request-body.js';
import type { ChunkSource } from './body-chunks.js';

/**
 * A body that comes as a stream, and so comes once.
 *
 * It may be sent again while all that was read of it is still here: before the first chunk was taken (an
 * attempt that found no connection has not touched it), and as long as what was read fits into `keepBytes`.
 * Beyond that the chunks are let go of, and the attempt that is reading is the last one. Streams are never
 * teed: that keeps without bound what the slower branch has not read.
 *
 * Two attempts under way at once (a hedge) read the same chunks. The one that is behind when the chunks are
 * let go of fails, rather than to send a body with a hole in it.
 */
export class StreamedBody implements RequestBody {
  readonly length = undefined;
  /** Copies, since a producer may use its buffer again for the next chunk. */
  private kept: Uint8Array[] = [];
  private keptBytes = 0;
  private letGo = false;
  /** How many chunks were read, kept or not. */
  private count = 0;
  private reading: Promise<unknown> | undefined = undefined;
  private ended = false;
  private failure: { readonly error: unknown } | undefined = undefined;

  /** @param keepBytes how much is kept for another attempt, in bytes; 0 for nothing. */
  constructor(
    private readonly source: ChunkSource,
    private readonly keepBytes: number,
  ) {}

  get replayable(): boolean {
    return !this.letGo;
  }

  open(): AsyncGenerator<Uint8Array> {
    return this.chunks();
  }

  discard(reason?: unknown): void {
    this.fail(reason ?? new TypeError('the request is over, and its body was not sent to the end'));
  }

  private async *chunks(): AsyncGenerator<Uint8Array> {
    let index = 0;
    try {
      for (;;) {
        while (index < this.kept.length) yield this.kept[index++] as Uint8Array;
        if (this.failure !== undefined) throw this.failure.error;
        if (index < this.count) throw new TypeError('a request body that is a stream was read by another attempt and cannot be sent again');
        if (this.ended) return;
        if (this.reading !== undefined) {
          await this.reading;
          continue;
        }
        const chunk = await this.read();
        if (chunk === undefined) continue;
        index++;
        yield chunk;
      }
    } finally {
      // Given up by the attempt that read it last, what is left of it is of no use to anybody.
      if (this.letGo && index === this.count) this.discard();
    }
  }

  private async read(): Promise<Uint8Array | undefined> {
    const reading = this.source.next();
    this.reading = reading.catch(ignore);
    try {
      const chunk = await reading;
      if (chunk === undefined) this.ended = true;
      else this.keep(chunk);
      return chunk;
    } catch (error) {
      this.fail(error);
      return undefined;
    } finally {
      this.reading = undefined;
    }
  }

  /** Lets go of everything. An attempt that is still sending fails: a body cut short must not look complete. */
  private fail(error: unknown): void {
    this.letGo = true;
    this.kept = [];
    if (this.ended || this.failure !== undefined) return;
    this.failure = { error };
    this.source.cancel(error);
  }

  private keep(chunk: Uint8Array): void {
    this.count++;
    this.keptBytes += chunk.length;
    if (!this.letGo && this.keptBytes <= this.keepBytes) {
      this.kept.push(new Uint8Array(chunk));
    } else {
      this.letGo = true;
      this.kept = [];
    }
  }
}

function ignore(): void {}
