import { type ReadableByteStreamController, ReadableStream, type UnderlyingByteSource } from 'node:stream/web';
import { Reply, type ReplyReader } from '../core/reply.js';
import { giveUp, type Unread, watchHolder } from './abandoned.js';
import { openBody } from './content-decoding.js';

/**
 * The body as a stream of bytes.
 *
 * It is driven by its reader: nothing is claimed from the reply before the first read, so that a look at
 * `res.body` does not end the read-ahead, and each read asks for one chunk more. A chunk that comes in spite
 * of that is kept here, since a source need not stop on the spot.
 *
 * While nobody reads, nothing on the reply's side holds the stream (the weak reference below), so a stream
 * that was dropped half way is collected and its body given up.
 */

/** Makes the stream of `reply`'s body. */
export function bodyStream(reply: Reply): ReadableStream<Uint8Array> {
  const feed = new BodyFeed(reply);
  const stream = new ReadableStream(feed, { highWaterMark: 0 });
  if (reply.ending === undefined) {
    watchHolder(stream, feed);
    reply.onEnd(() => feed.replyEnded());
  }
  return stream;
}

class BodyFeed implements UnderlyingByteSource, ReplyReader, Unread {
  readonly type = 'bytes';
  private weakController: WeakRef<ReadableByteStreamController> | undefined = undefined;
  /** Set while somebody waits for a chunk. */
  private waiting: ReadableByteStreamController | undefined = undefined;
  private opened = false;
  private backlog: Buffer[] = [];
  private ended = false;
  /** The stream is closed or has failed: it must not be touched. */
  private over = false;

  constructor(private reply: Reply) {}

  // What the stream calls.

  start(controller: ReadableByteStreamController): void {
    this.weakController = new WeakRef(controller);
  }

  pull(controller: ReadableByteStreamController): void {
    this.waiting = controller;
    const next = this.backlog.shift();
    if (next !== undefined) this.deliver(controller, next);
    else if (this.ended) this.close();
    else if (this.opened) this.reply.resume();
    else this.open();
  }

  cancel(reason: unknown): void {
    this.finish();
    giveUp(this.reply, reason);
  }

  // What the reply calls.

  chunk(bytes: Buffer): boolean {
    if (this.over || bytes.length === 0) return true;
    if (this.waiting === undefined) {
      this.backlog.push(bytes);
      return false;
    }
    this.deliver(this.waiting, bytes);
    return this.waiting !== undefined;
  }

  end(): void {
    this.ended = true;
    if (this.backlog.length === 0) this.close();
  }

  error(reason: unknown): void {
    if (this.over) return;
    const controller = this.controller;
    this.finish();
    controller?.error(reason);
  }

  /** A body that broke off fails its stream at once, read or not; the reply tells a reader why. */
  replyEnded(): void {
    if (this.reply.ending !== 'ended' && !this.opened && !this.over) this.open();
  }

  giveUp(): void {
    this.finish();
    giveUp(this.reply, undefined);
  }

  private open(): void {
    this.opened = true;
    const opened = openBody(this.reply);
    if (opened instanceof Reply) {
      this.reply = opened;
      opened.read(this);
    } else {
      this.chunk(opened);
      this.end();
    }
  }

  private get controller(): ReadableByteStreamController | undefined {
    return this.waiting ?? this.weakController?.deref();
  }

  /** Hands over a copy: a stream takes its chunks' memory away, and this memory is not ours to give. */
  private deliver(controller: ReadableByteStreamController, bytes: Buffer): void {
    this.waiting = undefined;
    controller.enqueue(new Uint8Array(bytes));
  }

  private close(): void {
    if (this.over) return;
    const controller = this.controller;
    this.finish();
    controller?.close();
    // Closing alone does not settle a read into the caller's own buffer.
    controller?.byobRequest?.respond(0);
  }

  private finish(): void {
    this.over = true;
    this.waiting = undefined;
    this.backlog = [];
  }
}
