import type { Readable } from 'node:stream';

/** What the transport is given to send. */
export type Payload = string | Uint8Array | AsyncIterable<Uint8Array> | Readable;

/** The body of a request, as often as it may be sent. */
export interface RequestBody {
  /** Whether `open` may be called more than once, and gives the same bytes each time. */
  readonly replayable: boolean;
  /** In bytes, where it is known beforehand. */
  readonly length: number | undefined;
  /** The bytes for one attempt. */
  open(): Payload;
  /** The call is over, or was never sent: let go of what was not read. */
  discard(reason?: unknown): void;
}
