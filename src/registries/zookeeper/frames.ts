/**
 * What ZooKeeper's protocol puts on the wire: frames of a length and so many bytes. The package reads and writes what
 * is in them; the few that are written here are those that it has no way for, or a wrong one.
 */

/** The bytes of a frame's length. */
const LENGTH_BYTES = 4;
/** An answer's number, the server's transaction, and an error code. */
const REPLY_HEADER_BYTES = 16;
/** A list of a million children. A length above it is another protocol, such as `HTTP` read as a number. */
const LONGEST_FRAME_BYTES = 128 * 1_024 * 1_024;

/** The numbers of frames that answer no request of the package's. */
export const XID = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

const OPERATION = { ping: 11, setWatches: 101 } as const;

/** Cuts what comes from a socket into frames; each still has its length in front. */
export class FrameReader {
  private parts: Buffer[] = [];
  private bytes = 0;
  private wanted = LENGTH_BYTES;

  /** The frames that are complete with this chunk. @throws Error for what is no frame. */
  *read(chunk: Buffer): Generator<Buffer, void> {
    this.parts.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes < this.wanted) return;
    // Once for each frame at most, however many chunks it takes.
    let rest = this.parts.length === 1 ? chunk : Buffer.concat(this.parts, this.bytes);
    this.wanted = LENGTH_BYTES;
    while (rest.length >= LENGTH_BYTES) {
      const length = rest.readInt32BE(0);
      if (length < 0 || length > LONGEST_FRAME_BYTES) throw new Error("it does not speak ZooKeeper's protocol");
      this.wanted = LENGTH_BYTES + length;
      if (rest.length < this.wanted) break;
      yield rest.subarray(0, this.wanted);
      rest = rest.subarray(this.wanted);
      this.wanted = LENGTH_BYTES;
    }
    this.parts = rest.length === 0 ? [] : [rest];
    this.bytes = rest.length;
  }
}

/** The header of an answer: which request it answers, the last transaction that the server has seen, and whether it failed. @throws Error for a frame that has none. */
export function replyHeader(frame: Buffer): { readonly xid: number; readonly zxid: Buffer; readonly code: number } {
  if (frame.length < LENGTH_BYTES + REPLY_HEADER_BYTES) throw new Error('its answer is too short');
  return {
    xid: frame.readInt32BE(LENGTH_BYTES),
    zxid: frame.subarray(LENGTH_BYTES + 4, LENGTH_BYTES + 12),
    code: frame.readInt32BE(LENGTH_BYTES + 12),
  };
}

/** Puts another error code into an answer. */
export function replaceCode(frame: Buffer, code: number): void {
  frame.writeInt32BE(code, LENGTH_BYTES + 12);
}

/** What a notification says: the kind of change, and the znode. */
export function readNotification(frame: Buffer): { readonly type: number; readonly path: string } {
  // The type, the state of the session, and the path.
  const start = LENGTH_BYTES + REPLY_HEADER_BYTES;
  const length = frame.readInt32BE(start + 8);
  return { type: frame.readInt32BE(start), path: frame.toString('utf8', start + 12, start + 12 + length) };
}

/** Asks for nothing but an answer. */
export function pingFrame(): Buffer {
  return frameOf([int(XID.ping), int(OPERATION.ping)]);
}

/** Sets watches again that a session had on another connection. The server tells at once of those whose znode has changed since `zxid`. */
export function setWatchesFrame(zxid: Buffer, { data, exists, children }: WatchedPaths): Buffer {
  return frameOf([int(XID.setWatches), int(OPERATION.setWatches), zxid, ...texts(data), ...texts(exists), ...texts(children)]);
}

/** Znodes by what is watched about them. */
export interface WatchedPaths {
  readonly data: readonly string[];
  readonly exists: readonly string[];
  readonly children: readonly string[];
}

function frameOf(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int(body.length), body]);
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function texts(values: readonly string[]): Buffer[] {
  return [int(values.length), ...values.flatMap((value) => [int(Buffer.byteLength(value)), Buffer.from(value)])];
}
