import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { Reply } from '../core/reply.js';
import { UnreadReply, unwatchHolder, watchHolder } from './abandoned.js';
import { type Convert, collect, collectStream } from './body-readers.js';
import { bodyStream } from './body-stream.js';
import { openBody } from './content-decoding.js';

/**
 * The body of one response: a reply until somebody reads it or asks for the stream.
 *
 * Most bodies are small, there in full when the response is made, and read once by `json()` or `text()`.
 * They go from the wire's buffer to the value in one step and one promise.
 */
export class ResponseBody {
  /** Read without a stream. */
  private consumed = false;
  private watched: boolean;

  /** @param stream of the reply's bytes, where there is one already. */
  constructor(
    private reply: Reply,
    private stream: ReadableStream<Uint8Array> | undefined = undefined,
  ) {
    this.watched = stream === undefined && reply.ending === undefined;
    if (this.watched) watchHolder(this, new UnreadReply(reply));
  }

  /** Whether anything was read of it. */
  get used(): boolean {
    return this.consumed || (this.stream !== undefined && Readable.isDisturbed(this.stream as unknown as Readable));
  }

  /** Whether it cannot be read by a new reader. */
  get unusable(): boolean {
    return this.used || this.stream?.locked === true;
  }

  /** The stream, if there is one by now. */
  get openedStream(): ReadableStream<Uint8Array> | undefined {
    return this.stream;
  }

  /** The stream, from now on the one way to the bytes. */
  openStream(): ReadableStream<Uint8Array> {
    if (this.stream === undefined) {
      this.unwatch();
      this.stream = this.consumed ? spentStream() : bodyStream(this.reply);
    }
    return this.stream;
  }

  /** Reads all of it and makes of it what `convert` does. */
  read<T>(convert: Convert<T>): Promise<T> {
    if (this.unusable) return Promise.reject(new TypeError('Body is unusable: Body has already been read'));
    if (this.stream !== undefined) return collectStream(this.stream, convert);
    this.consumed = true;
    this.unwatch();
    const opened = openBody(this.reply);
    if (opened instanceof Reply) return collect(opened, convert);
    try {
      return Promise.resolve(convert(opened, false));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Another body with the same bytes; neither may have been read. What is here already is shared. What is
   * still to come goes through a tee, which keeps for the slower half what the faster one has read.
   */
  clone(): ResponseBody {
    const whole = this.stream === undefined ? this.reply.takeWhole() : undefined;
    if (whole !== undefined) {
      this.reply = wholeReply(this.reply, whole);
      return new ResponseBody(wholeReply(this.reply, whole));
    }
    const [own, others] = this.openStream().tee();
    this.stream = own;
    return new ResponseBody(this.reply, others);
  }

  private unwatch(): void {
    if (!this.watched) return;
    this.watched = false;
    unwatchHolder(this);
  }
}

function wholeReply({ status, statusText, rawHeaders, owner }: Reply, bytes: Buffer): Reply {
  const reply = new Reply(status, statusText, rawHeaders);
  reply.owner = owner;
  if (bytes.length > 0) reply.push(bytes);
  reply.end();
  return reply;
}

/** What stands where a body was that has been read without a stream: closed, and locked as that reader would have it. */
function spentStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream({ type: 'bytes', start: (controller) => controller.close() });
  void stream.getReader().read();
  return stream;
}
