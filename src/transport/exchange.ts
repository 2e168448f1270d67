import type { Call, Cancellable } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { type RawHeaders, Reply, type ReplySource } from '../core/reply.js';
import type { Occupant, SingleConnection } from './connection-pool.js';
import { attemptError, bodyError } from './undici-errors.js';

/**
 * One request on the wire and its answer: what undici reports on one side, a `Reply` on the other.
 *
 * It speaks the callback protocol that undici's connections use inside (onConnect, onHeaders, onData,
 * onComplete, onError). The newer one is translated to it by undici, at the cost of a controller and a
 * parsed header object for every request; here headers stay bytes until somebody reads them.
 */
export class Exchange implements Cancellable, ReplySource, Occupant {
  connection: SingleConnection | undefined = undefined;
  private reply: Reply | undefined = undefined;
  private abortRequest: ((reason?: Error) => void) | undefined = undefined;
  private resumeBody: (() => void) | undefined = undefined;
  isOver = false;
  /** Set when the request's own body failed: then that error is the story, and not what the socket made of it. */
  requestBodyError: { readonly error: unknown } | undefined = undefined;

  constructor(
    private readonly call: Call,
    private readonly clock: Clock,
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  /** The call was cancelled: the caller hears of it at once, whatever the socket does. */
  cancel(reason: unknown): void {
    if (this.reply !== undefined) {
      this.reply.cancel(reason);
      return;
    }
    if (this.isOver) return;
    this.isOver = true;
    this.reject(reason);
    this.abortRequest?.();
  }

  // ReplySource: what the reply asks of the wire.

  resume(): void {
    this.resumeBody?.();
  }

  abort(): void {
    this.isOver = true;
    this.abortRequest?.();
  }

  // undici's callbacks, in the order in which they come.

  /** The request is about to be written. A request that was cancelled while it waited for a connection ends here. */
  onConnect(abort: (reason?: Error) => void): void {
    this.abortRequest = abort;
    if (this.isOver) {
      abort();
      return;
    }
    this.call.progress = 'sent';
    this.call.sentMs = this.clock.now();
  }

  onHeaders(status: number, rawHeaders: RawHeaders, resume: () => void, statusText: string): boolean {
    if (status < 200 || this.isOver) return true;
    const { call } = this;
    call.progress = 'answered';
    call.latencyMs = this.clock.now() - call.sentMs;
    this.resumeBody = resume;
    this.reply = new Reply(status, statusText, rawHeaders, this);
    this.resolve(this.reply);
    return true;
  }

  onData(bytes: Buffer): boolean {
    return this.reply === undefined ? true : this.reply.push(bytes);
  }

  onComplete(trailers: RawHeaders): void {
    this.isOver = true;
    this.reply?.end(trailers);
    // Last: what the end makes somebody send at once is too early for this connection.
    this.connection?.release();
  }

  onError(error: unknown): void {
    if (this.reply !== undefined) {
      this.isOver = true;
      this.reply.fail(bodyError(error, this.call));
      return;
    }
    if (this.isOver) return;
    this.isOver = true;
    this.reject(this.requestBodyError === undefined ? attemptError(error, this.call) : this.requestBodyError.error);
  }
}
