import { MeshError } from '../core/errors.js';
import { Reply, type ReplyReader, type ReplySource } from '../core/reply.js';
import { type Coding, DecodingStage, decodeAtOnce, isCoding } from './content-coding.js';

/**
 * What a body was before the server encoded it (RFC 9110 section 8.4).
 *
 * fetch decodes silently and leaves the `content-encoding` header standing, and so does this. Where the
 * standard leaves a choice, the built-in fetch of Node was asked: one coding that it does not know leaves the
 * whole body as it came; a body that stops early gives what there was; bytes that are no encoding at all fail
 * the read. It limits a bomb by the number of codings alone and by back-pressure, and so does this.
 *
 * Differences: too many codings fail the read and not the call, whose status may be all that the caller wants;
 * zstd is undone wherever zlib can (the built-in fetch of Node 22 cannot).
 */

/** What stands ready to be read: all of the body, or what is still to come. */
export type OpenedBody = Buffer | Reply;

/** More codings than this are taken for an attack; the limit that the built-in fetch and curl have too. */
const MAX_CODINGS = 5;

/**
 * Bodies are decoded on the spot, without a stream and a trip to the thread pool, when they are small before
 * and after: 64 KiB inflate in a fraction of a millisecond, which is less than the stream would cost.
 */
const AT_ONCE_ENCODED_BYTES = 16 * 1024;
const AT_ONCE_DECODED_BYTES = 64 * 1024;

/** Claims the body of `reply`: its bytes if they are all there, else a reply that gives them, decoded. */
export function openBody(reply: Reply): OpenedBody {
  const encoding = reply.header('content-encoding');
  if (encoding === undefined) return reply.takeWhole() ?? reply;
  const codings = codingsOf(encoding);
  if (codings.length === 0) return reply.takeWhole() ?? reply;
  if (codings.length > MAX_CODINGS) return refused(reply, codings);

  const whole = reply.takeWhole();
  if (whole === undefined) {
    const decoding = new Decoding(reply, codings);
    reply.read(decoding);
    return decoding.decoded;
  }
  try {
    const decoded = whole.length <= AT_ONCE_ENCODED_BYTES ? decodeAtOnce(whole, codings, AT_ONCE_DECODED_BYTES) : undefined;
    if (decoded !== undefined) return decoded;
  } catch (error) {
    return failed(reply, undecodable(codings, error));
  }
  const decoding = new Decoding(reply, codings);
  decoding.chunk(whole);
  decoding.end();
  return decoding.decoded;
}

/** The codings to undo, the first one first: none if there is one that nobody here can undo. */
function codingsOf(encoding: string): readonly Coding[] {
  const codings: Coding[] = [];
  for (const part of encoding.toLowerCase().split(',')) {
    const name = part.trim();
    if (!isCoding(name)) return [];
    codings.unshift(name);
  }
  return codings;
}

/** Stands between an encoded reply and its reader, and passes on who is too fast for whom. */
class Decoding implements ReplyReader, ReplySource {
  readonly decoded: Reply;
  private readonly first: DecodingStage;
  private readonly last: DecodingStage;

  constructor(
    private readonly encoded: Reply,
    private readonly codings: readonly Coding[],
  ) {
    const { status, statusText, rawHeaders } = encoded;
    this.decoded = new Reply(status, statusText, rawHeaders, this);
    const output: ReplyReader = {
      chunk: (bytes) => this.decoded.push(bytes),
      end: () => this.decoded.end(encoded.trailers),
      error: (reason) => this.fail(reason),
    };
    // The chain is made from its end, so that each stage knows where its bytes go.
    let stage: DecodingStage | undefined;
    for (let i = codings.length - 1; i >= 0; i--) stage = new DecodingStage(codings[i] as Coding, stage ?? output);
    this.first = stage as DecodingStage;
    for (stage = this.first; stage.next instanceof DecodingStage; stage = stage.next) stage.next.previous = stage;
    this.last = stage;
    this.first.previous = encoded;
  }

  chunk(bytes: Buffer): boolean {
    return this.first.chunk(bytes);
  }

  end(): void {
    this.first.end();
  }

  /** The encoded body broke off: whoever reads the decoded one learns of it as it is. */
  error(reason: unknown): void {
    this.first.destroy();
    this.decoded.fail(reason);
  }

  resume(): void {
    this.last.resume();
  }

  abort(reason: unknown): void {
    this.first.destroy();
    this.encoded.cancel(reason);
  }

  private fail(reason: unknown): void {
    this.first.destroy();
    this.decoded.fail(undecodable(this.codings, reason));
    this.encoded.cancel(reason);
  }
}

function refused(reply: Reply, codings: readonly Coding[]): Reply {
  reply.cancel(undefined);
  return failed(reply, new MeshError('ERR_MESH_BODY', `the body has ${codings.length} content-codings, at most ${MAX_CODINGS} are undone`));
}

function failed({ status, statusText, rawHeaders }: Reply, error: unknown): Reply {
  const reply = new Reply(status, statusText, rawHeaders);
  reply.fail(error);
  return reply;
}

function undecodable(codings: readonly Coding[], cause: unknown): MeshError {
  return new MeshError('ERR_MESH_BODY', `the body is not what its content-encoding says (${codings.toReversed().join(', ')})`, { cause });
}
