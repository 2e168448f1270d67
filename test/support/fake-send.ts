import { Call, type CallInit, type Progress } from '../../src/core/call.js';
import type { Clock } from '../../src/core/clock.js';
import { MeshError, TimeoutError } from '../../src/core/errors.js';
import type { Send } from '../../src/core/policy.js';
import { Reply, type ReplySource } from '../../src/core/reply.js';
import { verdictOfStatus } from '../../src/core/verdict.js';

/**
 * A puppet at the far end of a policy's `next`. Tests read as conversations with it: the policy sends, the far
 * end replies, fails or hangs, the caller gets something. It marks calls as the balancer and the wire would.
 */
export class FarEnd {
  /** What arrived, in order. */
  readonly requests: Request[] = [];
  private readonly script: Answer[] = [];
  private usual: Answer = hang;

  constructor(private readonly clock: Clock) {}

  readonly send: Send = (call) =>
    new Promise<Reply>((resolve, reject) => {
      const request = new Request(call, this.clock, resolve, reject);
      this.requests.push(request);
      const answer = this.script.shift() ?? this.usual;
      if (typeof answer === 'number') request.reply(answer);
      else answer(request);
    });

  /** Answers to the next requests: a status, or something to do with the request. */
  will(...answers: readonly Answer[]): void {
    this.script.push(...answers);
  }

  /** The answer to every request that `will` has none for. Without one they hang. */
  always(answer: Answer): void {
    this.usual = answer;
  }

  get last(): Request {
    return this.request(this.requests.length - 1);
  }

  request(index: number): Request {
    const request = this.requests[index];
    if (request === undefined) throw new Error(`the far end has seen ${this.requests.length} requests, not ${index + 1}`);
    return request;
  }
}

export type Answer = number | ((request: Request) => void);

/** One request as the far end sees it. */
export class Request implements ReplySource {
  state: 'open' | 'answered' | 'failed' | 'cancelled' = 'open';
  /** Why it was cancelled, or why its body was cut off. */
  reason: unknown = undefined;
  bodyCutOff = false;

  constructor(
    readonly call: Call,
    private readonly clock: Clock,
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    call.progress = 'sent';
    call.sentMs = clock.now();
    call.waitsFor({ cancel: (reason) => this.cancelled(reason) });
  }

  /** Answers with headers and, unless it is left open, an empty body. */
  reply(status: number, { headers = [], open = false }: { readonly headers?: readonly string[]; readonly open?: boolean } = {}): Reply {
    this.call.progress = 'answered';
    this.call.verdict = verdictOfStatus(status);
    this.call.latencyMs = this.clock.now() - this.call.sentMs;
    const reply = new Reply(status, '', headers, this);
    if (!open) reply.end();
    if (this.state === 'open') this.state = 'answered';
    this.resolve(reply);
    return reply;
  }

  /** Fails before any headers, having come so far. */
  fail(error: unknown, progress: Progress): void {
    this.state = 'failed';
    this.call.progress = progress;
    this.call.verdict = 'retryable';
    this.reject(error);
  }

  resume(): void {}

  abort(reason: unknown): void {
    this.bodyCutOff = true;
    this.reason = reason;
  }

  private cancelled(reason: unknown): void {
    if (this.state !== 'open') return;
    this.state = 'cancelled';
    this.reason = reason;
    this.call.verdict = reason instanceof TimeoutError ? 'retryable' : 'ignored';
    this.reject(reason);
  }
}

/** The far end loses the connection after the request was written. */
export function lost(request: Request): void {
  request.fail(new MeshError('ERR_MESH_LOST', 'the connection was lost'), 'sent');
}

/** There was no connection: nothing was sent. */
export function unreachable(request: Request): void {
  request.fail(new MeshError('ERR_MESH_CONNECT', 'connection refused'), 'unsent');
}

/** Never answers. */
export function hang(): void {}

/** A call as the facade would make it: a GET unless told otherwise. */
export function callOf(init: Partial<CallInit> = {}): Call {
  const method = init.method ?? 'GET';
  return new Call({ service: 'users', method, path: '/users/42', headers: [], idempotent: method !== 'POST', ...init });
}

/** What a caller has got so far. */
export class Asked {
  state: 'waiting' | 'replied' | 'failed' = 'waiting';
  private result: unknown = undefined;

  constructor(
    readonly call: Call,
    send: Send,
  ) {
    send(call).then(
      (reply) => {
        this.state = 'replied';
        this.result = reply;
      },
      (error) => {
        this.state = 'failed';
        this.result = error;
      },
    );
  }

  get reply(): Reply {
    if (this.state !== 'replied') throw new Error(`the caller has no reply: ${this.state}`, { cause: this.result });
    return this.result as Reply;
  }

  get error(): unknown {
    if (this.state !== 'failed') throw new Error(`the caller has no error: ${this.state}`);
    return this.result;
  }

  /** The code of the MeshError that the caller got. */
  get code(): string {
    const { error } = this;
    if (!(error instanceof MeshError)) throw new Error('the caller got no MeshError', { cause: error });
    return error.code;
  }
}

export function ask(send: Send, call: Call = callOf()): Asked {
  return new Asked(call, send);
}
