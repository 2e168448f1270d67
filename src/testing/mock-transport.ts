import { buffer } from 'node:stream/consumers';
import type { Call, Cancellable } from '../core/call.js';
import type { Clock, Timer } from '../core/clock.js';
import { MeshError } from '../core/errors.js';
import { Reply, type ReplySource } from '../core/reply.js';
import type { Payload } from '../core/request-body.js';
import type { Transport } from '../transport/transport.js';

/** What a mock endpoint does with one request. */
export interface MockAnswer {
  /** The answer's status. Default 200. */
  readonly status?: number | undefined;
  /** The answer's headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Bytes or text as they stand; anything else as JSON. Default: none. */
  readonly body?: unknown;
  /** Time until the headers, in milliseconds of the mesh's clock. Default 0. */
  readonly latencyMs?: number | undefined;
  /** Time between the headers and the end of the body, in milliseconds. Default 0. */
  readonly bodyMs?: number | undefined;
  /**
   * What goes wrong instead: `refuse` (no connection, nothing sent), `reset` (the connection is lost after the
   * request was written), `resetBody` (it is lost within the body), `hang` (no answer ever), `garbage` (an
   * answer that is not HTTP). Default: none.
   */
  readonly fault?: 'refuse' | 'reset' | 'resetBody' | 'hang' | 'garbage' | undefined;
}

/** A request as a mock endpoint received it. */
export interface MockRequest {
  /** The endpoint's origin, with its port: `http://10.0.0.1:80`. */
  readonly endpoint: string;
  readonly service: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Which try of its call this is, from 1. */
  readonly attempt: number;
  /** The body, read to its end. */
  body(): Promise<string>;
}

/** How an endpoint answers: always the same, one answer after the other (the last one stays), or by a function. */
export type MockScript = MockAnswer | readonly MockAnswer[] | ((request: MockRequest) => MockAnswer);

/** A transport without sockets. */
export interface MockTransport extends Transport {
  /** Sets how the endpoint at `origin` (`http://10.0.0.1:8080`) answers from now on. */
  on(origin: string, script: MockScript): void;
  /** Every request so far, in the order in which they arrived. */
  readonly requests: readonly MockRequest[];
  /** How many requests each endpoint received. */
  readonly counts: Readonly<Record<string, number>>;
  /** Requests that are being answered. 0 after a test, or something leaks. */
  readonly open: number;
}

/**
 * Makes endpoints for unit tests: scripted, without sockets, on the mesh's clock. An endpoint without a script
 * answers 200 with an empty body.
 *
 * @example
 * const far = mockTransport({ 'http://10.0.0.1:80': { status: 503 }, 'http://10.0.0.2:80': { body: { name: 'Ada' }, latencyMs: 20 } });
 * const mesh = createMesh({ discovery: staticDiscovery({ users: ['http://10.0.0.1', 'http://10.0.0.2'] }), transport: far, clock });
 */
export function mockTransport(scripts: Readonly<Record<string, MockScript>> = {}): MockTransport {
  const byOrigin = new Map<string, MockScript>();
  const served = new Map<string, number>();
  const requests: MockRequest[] = [];
  const counts: Record<string, number> = {};
  const exchanges = new Set<MockExchange>();

  function answerTo(request: MockRequest): MockAnswer {
    const script = byOrigin.get(request.endpoint) ?? {};
    if (typeof script === 'function') return script(request);
    if (!isList(script)) return script;
    const index = served.get(request.endpoint) ?? 0;
    served.set(request.endpoint, index + 1);
    return script[Math.min(index, script.length - 1)] ?? {};
  }

  const transport: MockTransport = {
    on(origin, script) {
      const key = withPort(origin);
      byOrigin.set(key, script);
      served.delete(key);
    },
    connect: (endpoint, { clock }) => ({
      send: (call) =>
        new Promise<Reply>((resolve, reject) => {
          const request = new ReceivedRequest(call, endpoint.origin);
          requests.push(request);
          counts[endpoint.origin] = (counts[endpoint.origin] ?? 0) + 1;
          const exchange = new MockExchange(call, request, clock, answerTo(request), resolve, reject, () => exchanges.delete(exchange));
          exchanges.add(exchange);
          call.waitsFor(exchange);
          exchange.start();
        }),
      close() {},
    }),
    requests,
    counts,
    get open() {
      return exchanges.size;
    },
  };
  for (const [origin, script] of Object.entries(scripts)) transport.on(origin, script);
  return transport;
}

/** One request and its scripted answer. */
class MockExchange implements Cancellable, ReplySource {
  #timer: Timer | undefined;
  #reply: Reply | undefined;
  #cancelled = false;

  constructor(
    private readonly call: Call,
    private readonly request: ReceivedRequest,
    private readonly clock: Clock,
    private readonly answer: MockAnswer,
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (error: unknown) => void,
    private readonly over: () => void,
  ) {}

  start(): void {
    const { fault, latencyMs = 0 } = this.answer;
    if (fault !== 'refuse') {
      this.call.progress = 'sent';
      this.call.sentMs = this.clock.now();
    }
    const answer = () => {
      if (fault !== 'hang' && !this.#cancelled) this.#later(latencyMs, () => this.#begin());
    };
    // A body that is a stream is taken in full before anything is answered: what was sent cannot be sent again.
    if (fault === 'refuse' || !this.request.isStream) answer();
    else this.request.body().then(answer, (error) => this.cancel(error));
  }

  cancel(reason: unknown): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.over();
    if (this.#reply === undefined) this.reject(reason);
    else this.#reply.cancel(reason);
  }

  resume(): void {}

  abort(): void {
    this.#timer?.cancel();
    this.over();
  }

  #begin(): void {
    const { fault, status = 200, headers = {}, body, bodyMs = 0 } = this.answer;
    if (fault === 'refuse' || fault === 'reset' || fault === 'garbage') {
      this.over();
      this.reject(new MeshError(FAULT_CODES[fault], `${this.call.endpoint?.origin} was told to ${fault}`, { service: this.call.service }));
      return;
    }
    this.call.progress = 'answered';
    this.call.latencyMs = this.clock.now() - this.call.sentMs;
    const json = isJson(body) && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
    const raw = Object.entries(json ? { 'content-type': 'application/json', ...headers } : headers).flat();
    const reply = new Reply(status, '', raw, this);
    this.#reply = reply;
    this.resolve(reply);
    const bytes = bytesOf(body);
    if (bodyMs === 0 && fault === undefined) {
      this.#finish(bytes);
      return;
    }
    reply.push(bytes.subarray(0, Math.ceil(bytes.length / 2)));
    this.#later(bodyMs, () => {
      if (fault === undefined) {
        this.#finish(bytes.subarray(Math.ceil(bytes.length / 2)));
        return;
      }
      this.over();
      reply.fail(
        new MeshError('ERR_MESH_BODY', `${this.call.endpoint?.origin} was told to break off its answer`, { service: this.call.service }),
      );
    });
  }

  #finish(bytes: Buffer): void {
    this.over();
    if (bytes.length > 0) this.#reply?.push(bytes);
    this.#reply?.end();
  }

  #later(delayMs: number, work: () => void): void {
    if (delayMs === 0) work();
    else this.#timer = this.clock.setTimer(work, delayMs);
  }
}

const FAULT_CODES = { refuse: 'ERR_MESH_CONNECT', reset: 'ERR_MESH_LOST', garbage: 'ERR_MESH_PROTOCOL' } as const;

class ReceivedRequest implements MockRequest {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempt: number;
  readonly #payload: Payload | undefined;
  #text: Promise<string> | undefined;

  constructor(
    call: Call,
    readonly endpoint: string,
  ) {
    this.service = call.service;
    this.method = call.method;
    this.path = call.path;
    this.attempt = call.attempt;
    const headers: Record<string, string> = {};
    for (let i = 0; i < call.headers.length; i += 2) headers[(call.headers[i] as string).toLowerCase()] = call.headers[i + 1] as string;
    this.headers = headers;
    this.#payload = call.body?.open();
  }

  get isStream(): boolean {
    return typeof this.#payload === 'object' && !(this.#payload instanceof Uint8Array);
  }

  body(): Promise<string> {
    this.#text ??= textOf(this.#payload);
    return this.#text;
  }
}

async function textOf(payload: Payload | undefined): Promise<string> {
  if (payload === undefined) return '';
  if (typeof payload === 'string') return payload;
  return (payload instanceof Uint8Array ? Buffer.from(payload) : await buffer(payload)).toString();
}

function isJson(body: unknown): boolean {
  return body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof Uint8Array);
}

function bytesOf(body: unknown): Buffer {
  if (isJson(body)) return Buffer.from(JSON.stringify(body));
  return Buffer.from((body ?? '') as string | Uint8Array);
}

function isList(script: MockScript): script is readonly MockAnswer[] {
  return Array.isArray(script);
}

/** An address as endpoints have it: with its port, and without a path. */
function withPort(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${protocol}//${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}
