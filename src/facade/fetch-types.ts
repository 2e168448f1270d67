/** What one call does differently from its service's options: `mesh.fetch(url, { mesh: {...} })`. */
export interface CallOptions {
  /** The time for the call with its retries, up to the headers, in milliseconds above 0; Infinity for none. Default: the service's. */
  readonly timeoutMs?: number | undefined;
  /** The time for one attempt, up to the headers, in milliseconds above 0; Infinity for none. Default: the service's. */
  readonly attemptTimeoutMs?: number | undefined;
  /** The longest pause within the body, in milliseconds above 0; Infinity for none. Default: the service's. */
  readonly bodyIdleTimeoutMs?: number | undefined;
  /** When the last byte must have come, in milliseconds since 1970 (as `Date.now()` gives it). Default: none. */
  readonly deadlineMs?: number | undefined;
  /** The id or URL of the endpoint that the call must go to, for debugging. It is used whatever its state. Default: any. */
  readonly endpoint?: string | undefined;
  /** Whether sending the request twice does no harm. Default: by its method, or true with an Idempotency-Key header. */
  readonly idempotent?: boolean | undefined;
  /** Keeps up to this many bytes of a streamed request body, so that it can be sent again. Default 0. */
  readonly bufferBody?: number | undefined;
  /** A policy of the service's stack by name: `false` for none, or what the policy says it takes. */
  readonly [policy: string]: unknown;
}

/** The body of a request, or a function that makes it anew for each attempt. */
export type MeshBody = BodySource | null | (() => BodySource);

/** What the runtime's `fetch` takes as a body, and Node's own streams whatever types a program is compiled with. */
export type BodySource = NonNullable<RequestInit['body']> | NodeJS.ReadableStream | AsyncIterable<Uint8Array>;

/** What `fetch` takes, and what one call does differently. */
export type MeshRequestInit = Omit<RequestInit, 'body'> & {
  body?: MeshBody | undefined;
  /** Must be 'half' where the body is a stream, as for the runtime's `fetch`. */
  duplex?: 'half' | undefined;
  mesh?: CallOptions | undefined;
};

/** `fetch`, with one more option. Assignable to `typeof fetch`. */
export type MeshFetch = (input: string | URL | Request, init?: MeshRequestInit) => Promise<Response>;
