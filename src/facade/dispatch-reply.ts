import type { Dispatcher } from 'undici';
import type { Call } from '../core/call.js';
import type { RawHeaders, Reply, ReplyReader } from '../core/reply.js';

/** A handler of undici's older protocol, which every supported runtime speaks. */
export type LegacyHandler = Required<Dispatcher.DispatchHandler>;

/**
 * Plays a reply to an undici handler: its headers, its body as fast as the handler takes it, its end.
 *
 * A handler hears one end. One that throws has its request ended and is told so, as undici does it; one that
 * aborts is told its own reason, also when the whole body had come and only waited to be taken.
 */
export class ReplyDelivery implements ReplyReader {
  private reply: Reply | undefined = undefined;
  private paused = false;
  private over = false;

  constructor(
    private readonly call: Call,
    private readonly handler: LegacyHandler,
  ) {}

  /** What the handler calls to end the request, wherever it is. */
  abort(reason: unknown): void {
    if (this.reply === undefined) this.call.cancel(reason);
    else this.fail(reason);
  }

  /** The reply is there. */
  begin(reply: Reply): void {
    this.reply = reply;
    const { status, rawHeaders, statusText } = reply;
    try {
      this.paused = this.handler.onHeaders(status, asBuffers(rawHeaders), () => this.resume(), statusText) === false;
    } catch (error) {
      this.fail(error);
    }
    if (!this.paused && !this.over) reply.read(this);
  }

  chunk(bytes: Buffer): boolean {
    if (this.over) return true;
    try {
      return this.handler.onData(bytes) !== false;
    } catch (error) {
      this.fail(error);
      return true;
    }
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    try {
      this.handler.onComplete(asBuffers(this.reply?.trailers ?? []) as never);
    } catch (error) {
      this.handler.onError(error as Error);
    }
  }

  error(reason: unknown): void {
    this.fail(reason);
  }

  private resume(): void {
    if (this.over) return;
    if (this.paused) {
      this.paused = false;
      this.reply?.read(this);
    } else {
      this.reply?.resume();
    }
  }

  private fail(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.reply?.cancel(reason);
    this.handler.onError(reason as Error);
  }
}

function asBuffers(headers: RawHeaders): Buffer[] {
  return headers.map((each) => (typeof each === 'string' ? Buffer.from(each, 'latin1') : each));
}
