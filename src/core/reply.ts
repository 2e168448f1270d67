import { reportFaultOnce } from './events.js';
import type { Ending } from './gate.js';

/** Header names and values in turn, as the wire had them. */
export type RawHeaders = readonly (Buffer | string)[];

/** Where a reply's bytes come from. */
export interface ReplySource {
  /** More bytes are welcome, after a `push` that returned false. */
  resume(): void;
  /** Nobody wants the rest. Pushes nothing from now on. */
  abort(reason: unknown): void;
}

/** Who reads a reply's bytes. */
export interface ReplyReader {
  /** Some bytes. Returning false asks for a pause, until `reply.resume()`. */
  chunk(bytes: Buffer): boolean;
  /** The body is complete. */
  end(): void;
  /** The body broke off, or was given up. */
  error(reason: unknown): void;
}

/** Says whether a call was given up after all: an AbortSignal does. */
export interface ReplyOwner {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/**
 * Bytes read from the wire although nobody has asked for the body yet. Callers often look at the status
 * alone; were the body left in the socket, each such call would hold a connection for ever. The body of a
 * usual answer is smaller than this, and one that is larger is worth a deliberate reader.
 */
export const READ_AHEAD_BYTES = 64 * 1024;

const NO_HEADERS: RawHeaders = [];

/**
 * The answer to an attempt: status and headers at once, the body as it comes. It stands between a source
 * (the wire, a script in a test, a policy's substitute) that pushes and a reader that may come late or never.
 */
export class Reply {
  readonly status: number;
  /** The words beside the status, often empty. */
  readonly statusText: string;
  /** Names and values in turn: see `header` for one of them. */
  readonly rawHeaders: RawHeaders;
  /** How the body ended, or undefined while it is still coming. */
  ending: Ending | undefined = undefined;
  /** Rises with every sign of life: what an idle timeout watches. */
  activity = 0;
  /**
   * Who may take back a body that has come in full and that nobody has read: asked when it is claimed, so that
   * nobody has to listen until then.
   */
  owner: ReplyOwner | undefined = undefined;
  private readonly source: ReplySource | undefined;
  /** Header fields after the body, in the form of `rawHeaders`. */
  trailers: RawHeaders = NO_HEADERS;
  private first: Buffer | undefined = undefined;
  private more: Buffer[] | undefined = undefined;
  private bufferedBytes = 0;
  private error: unknown = undefined;
  private reader: ReplyReader | undefined = undefined;
  private paused = false;
  private draining = false;
  private toldReader = false;
  private endListeners: ((ending: Ending) => void)[] | undefined = undefined;

  constructor(status: number, statusText: string, rawHeaders: RawHeaders, source?: ReplySource) {
    this.status = status;
    this.statusText = statusText;
    this.rawHeaders = rawHeaders;
    this.source = source;
  }

  /** The value of a header, several joined as RFC 9110 section 5.3 has it, or undefined. `name` in lower case. */
  header(name: string): string | undefined {
    let value: string | undefined;
    const { rawHeaders } = this;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const key = rawHeaders[i] as Buffer | string;
      if (key.length !== name.length || key.toString().toLowerCase() !== name) continue;
      const one = headerText(rawHeaders[i + 1] as Buffer | string);
      value = value === undefined ? one : `${value}, ${one}`;
    }
    return value;
  }

  /** Whether a reader has come, or the body was given up. */
  get claimed(): boolean {
    return this.reader !== undefined || this.draining || this.ending === 'cancelled';
  }

  /**
   * Hands the body to `reader`, what came already first. There is one reader; it gets `end` or `error` once.
   * The bytes are valid for as long as the reader keeps them.
   */
  read(reader: ReplyReader): void {
    this.askOwner();
    this.reader = reader;
    this.flush();
  }

  /** The reader can take more. */
  resume(): void {
    this.activity++;
    this.flush();
  }

  /** The whole body, if all of it has come and nobody has read it: the quick way for small answers. */
  takeWhole(): Buffer | undefined {
    this.askOwner();
    if (this.ending !== 'ended' || this.reader !== undefined || this.draining || this.error !== undefined) return undefined;
    const whole = this.more === undefined ? (this.first ?? EMPTY) : Buffer.concat([this.first as Buffer, ...this.more]);
    this.reader = NOBODY;
    this.toldReader = true;
    this.first = this.more = undefined;
    return whole;
  }

  /** Gives the body up: what is small is read to its end so that the connection lives, the rest is cut off. */
  discard(): void {
    if (this.ending !== undefined || this.draining) return;
    this.draining = true;
    this.reader = undefined;
    this.first = this.more = undefined;
    // What was read ahead counts: a body that filled the read-ahead is not a small one.
    if (this.bufferedBytes >= READ_AHEAD_BYTES) {
      this.cancel(undefined);
    } else if (this.paused) {
      this.paused = false;
      this.source?.resume();
    }
  }

  /** Cuts the body off: the reader sees `reason`, the connection is closed. */
  cancel(reason: unknown): void {
    if (this.ending !== undefined) {
      // The body is all here but unread: it must not be readable any more.
      if (this.reader === undefined && this.error === undefined && reason !== undefined) {
        this.error = reason;
        this.first = this.more = undefined;
      }
      return;
    }
    this.error = reason;
    this.first = this.more = undefined;
    this.finish('cancelled');
    this.source?.abort(reason);
    this.tellReader();
  }

  /** Calls back once when nothing is left to come; at once if that is so already. */
  onEnd(listener: (ending: Ending) => void): void {
    if (this.ending !== undefined) listener(this.ending);
    else if (this.endListeners === undefined) this.endListeners = [listener];
    else this.endListeners.push(listener);
  }

  // What the source calls.

  /** Some bytes came. False asks the source to pause until its `resume` is called. */
  push(bytes: Buffer): boolean {
    if (this.ending !== undefined) return true;
    this.activity++;
    if (this.draining) {
      this.bufferedBytes += bytes.length;
      if (this.bufferedBytes < READ_AHEAD_BYTES) return true;
      this.cancel(undefined);
      return true;
    }
    if (this.reader !== undefined && this.first === undefined && !this.paused) {
      this.paused = this.reader.chunk(bytes) === false;
      return !this.paused;
    }
    if (this.first === undefined) this.first = bytes;
    else if (this.more === undefined) this.more = [bytes];
    else this.more.push(bytes);
    this.bufferedBytes += bytes.length;
    this.paused = this.reader !== undefined || this.bufferedBytes >= READ_AHEAD_BYTES;
    return !this.paused;
  }

  /** The body is complete. */
  end(trailers: RawHeaders = NO_HEADERS): void {
    if (this.ending !== undefined) return;
    this.trailers = trailers;
    this.finish('ended');
    if (this.first === undefined) this.tellReader();
  }

  /** The body broke off. */
  fail(error: unknown): void {
    if (this.ending !== undefined) return;
    this.error = error;
    this.first = this.more = undefined;
    this.finish('failed');
    this.tellReader();
  }

  private askOwner(): void {
    if (this.owner?.aborted === true) this.cancel(this.owner.reason);
  }

  private finish(ending: Ending): void {
    this.ending = ending;
    const listeners = this.endListeners;
    if (listeners === undefined) return;
    this.endListeners = undefined;
    for (const listener of listeners) {
      try {
        listener(ending);
      } catch (error) {
        // The others give back places and slots: they must hear of it whatever a policy's own listener does.
        reportFaultOnce(listener, "a listener for a body's end", error);
      }
    }
  }

  private flush(): void {
    const { reader } = this;
    if (reader === undefined) return;
    while (this.first !== undefined) {
      const bytes = this.first;
      this.first = this.more?.shift();
      if (this.first === undefined) this.more = undefined;
      this.bufferedBytes -= bytes.length;
      if (reader.chunk(bytes) === false) {
        this.paused = true;
        return;
      }
    }
    if (this.ending !== undefined) {
      this.tellReader();
    } else if (this.paused) {
      this.paused = false;
      this.source?.resume();
    }
  }

  private tellReader(): void {
    if (this.reader === undefined || this.toldReader) return;
    this.toldReader = true;
    if (this.ending === 'ended' && this.error === undefined) this.reader.end();
    else this.reader.error(this.error === undefined ? new TypeError('the body was given up before it was read') : this.error);
  }
}

const EMPTY = Buffer.alloc(0);

const NOBODY: ReplyReader = { chunk: () => true, end() {}, error() {} };

/** A header's value as text: one character a byte, as fetch has it. */
export function headerText(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}
