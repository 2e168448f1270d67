import type { Deadline } from './deadline-queue.js';
import type { Endpoint } from './endpoint.js';
import type { RequestBody } from './request-body.js';
import type { Verdict } from './verdict.js';

/** Something that a cancelled call has to stop. */
export interface Cancellable {
  /** Stops, and fails whoever waits for it with `reason`. */
  cancel(reason: unknown): void;
}

/**
 * How far an attempt came. `unsent` means that not a byte of it was written, so that any method may be
 * tried again; after `sent` nobody knows whether the server acted on it.
 */
export type Progress = 'unsent' | 'sent' | 'answered';

/** What became of an attempt that was not the end of the story; kept for errors and events. */
export interface AttemptRecord {
  /** The endpoint's id; absent when none could be picked. */
  readonly endpoint?: string;
  /** The status, where the endpoint answered. */
  readonly status?: number;
  /** The failure, where it did not. */
  readonly error?: unknown;
  /** What it amounted to. */
  readonly verdict: Verdict;
  /** From the start of the attempt to its verdict. */
  readonly durationMs: number;
}

/** What all tries of a call share. */
export interface CallHistory {
  /** The endpoints that were tried, in order. */
  readonly tried: Endpoint[];
  /** What became of the tries, in order. */
  readonly attempts: AttemptRecord[];
}

/** What a call is made of. */
export interface CallInit {
  readonly service: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. Not changed in place. */
  readonly headers: readonly string[];
  readonly body?: RequestBody | undefined;
  /** Whether sending it twice does no more than sending it once (RFC 9110 section 9.2.2). */
  readonly idempotent: boolean;
  /** What this call does differently, by policy name. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  /** The endpoint that this call must go to. */
  readonly pinned?: string | undefined;
}

/**
 * One user request on its way down the stack, or one try of it. Policies keep no maps of calls: what
 * belongs to a call is here, in fields that are always all there, so that the engine gives every call the
 * same shape.
 *
 * Cancelling is a plain method and not an AbortSignal, because a controller with a listener costs more than
 * the rest of the stack together. At any moment a call waits for one thing at most (a queue, a delay, the
 * wire), and that thing is what `cancel` stops.
 */
export class Call implements Cancellable {
  /** The service's name. */
  readonly service: string;
  /** In capitals, where it is one of the usual ones. */
  readonly method: string;
  /** Path and query, without the endpoint's base path. */
  readonly path: string;
  readonly body: RequestBody | undefined;
  /** Whether sending it twice does no more than sending it once. */
  readonly idempotent: boolean;
  /** What this call does differently, by policy name; checked by the policy's `override`. */
  readonly overrides: Readonly<Record<string, unknown>> | undefined;
  /** The id or URL of the endpoint that this call must go to. */
  readonly pinned: string | undefined;
  /** The call that this is a try of. */
  readonly parent: Call | undefined;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** Names and values in turn. Not changed in place: see `setHeader`. */
  headers: readonly string[];
  /** When the time runs out, by the mesh's clock; Infinity where nothing bounds the call. */
  deadlineMs: number;
  /** The clock's last reading for this call: policies that need no better one use it. */
  nowMs = 0;
  /** The endpoint of the attempt under way, or of the last one. */
  endpoint: Endpoint | undefined = undefined;
  /** How far the attempt under way came, or the last one. */
  progress: Progress = 'unsent';
  /** What the last attempt amounted to; undefined before it was settled. */
  verdict: Verdict | undefined = undefined;
  /** When the request was written. */
  sentMs = 0;
  /** From the request written to the reply's headers. */
  latencyMs = 0;
  cancelled = false;
  /** What it was cancelled with: what its caller gets. */
  cancelReason: unknown = undefined;
  /** Neighbours in the list of the service's calls under way. */
  previousActive: Call | undefined = undefined;
  nextActive: Call | undefined = undefined;
  /** The times that run for this call, or for this try of it: set, and called off, by `timeout`. */
  callDeadline: Deadline | undefined = undefined;
  attemptDeadline: Deadline | undefined = undefined;
  private history: CallHistory | undefined;
  private waitingFor: Cancellable | undefined = undefined;
  private controller: AbortController | undefined = undefined;

  constructor(init: CallInit, parent?: Call) {
    this.service = init.service;
    this.method = init.method;
    this.path = init.path;
    this.headers = init.headers;
    this.body = init.body;
    this.idempotent = init.idempotent;
    this.overrides = init.overrides;
    this.pinned = init.pinned;
    this.parent = parent;
    this.attempt = parent === undefined ? 1 : parent.attempt;
    this.deadlineMs = parent === undefined ? Number.POSITIVE_INFINITY : parent.deadlineMs;
    this.history = parent === undefined ? undefined : parent.history;
    this.nowMs = parent === undefined ? 0 : parent.nowMs;
  }

  /**
   * A try of this call, which can fail or be cancelled without the call being over. Cancelling the call
   * cancels the try.
   */
  fork(attempt: number): Call {
    const fork = new Call(this, this);
    (fork as { attempt: number }).attempt = attempt;
    this.waitingFor = fork;
    return fork;
  }

  /** The tries so far, or undefined while none has failed. */
  get past(): CallHistory | undefined {
    return this.history;
  }

  /** Notes an attempt that did not end the call, on the call and all its tries. */
  record(attempt: AttemptRecord): void {
    let root: Call = this;
    while (root.parent !== undefined) root = root.parent;
    root.history ??= { tried: [], attempts: [] };
    for (let call: Call | undefined = this; call !== undefined; call = call.parent) call.history = root.history;
    root.history.attempts.push(attempt);
    if (this.endpoint !== undefined) root.history.tried.push(this.endpoint);
  }

  /** Sets a header for this call and the tries that are made of it from now on. */
  setHeader(name: string, value: string): void {
    const headers: string[] = [];
    const lowerCased = name.toLowerCase();
    for (let i = 0; i < this.headers.length; i += 2) {
      const key = this.headers[i] as string;
      if (key.toLowerCase() !== lowerCased) headers.push(key, this.headers[i + 1] as string);
    }
    headers.push(name, value);
    this.headers = headers;
  }

  /** The value of a request header, or undefined. */
  header(name: string): string | undefined {
    const lowerCased = name.toLowerCase();
    for (let i = 0; i < this.headers.length; i += 2) {
      if ((this.headers[i] as string).toLowerCase() === lowerCased) return this.headers[i + 1];
    }
    return undefined;
  }

  /** Ends the call with `reason`, wherever it is. The first reason counts. */
  cancel(reason: unknown): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.cancelReason = reason;
    this.controller?.abort(reason);
    this.waitingFor?.cancel(reason);
  }

  /** Names what has to stop when the call is cancelled. One at a time: the newest replaces the last. */
  waitsFor(work: Cancellable | undefined): void {
    this.waitingFor = work;
  }

  /**
   * Waits inside the call, and rejects as soon as the call is cancelled. `start` begins the waiting and
   * returns how to give it up.
   */
  wait<T>(start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => () => void): Promise<T> {
    if (this.cancelled) return Promise.reject(this.cancelReason);
    return new Promise<T>((resolve, reject) => {
      const waiting: Cancellable = {
        cancel: (reason) => {
          giveUp();
          reject(reason);
        },
      };
      const over = () => {
        if (this.waitingFor === waiting) this.waitingFor = undefined;
      };
      this.waitingFor = waiting;
      const giveUp = start(
        (value) => {
          over();
          resolve(value);
        },
        (reason) => {
          over();
          reject(reason);
        },
      );
    });
  }

  /** An AbortSignal that follows the call, for policies that hand one to other code. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.cancelled) this.controller.abort(this.cancelReason);
    }
    return this.controller.signal;
  }
}
