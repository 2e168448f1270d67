import type { AttemptRecord, Call } from './call.js';

/**
 * What can go wrong, for programs to tell apart. The words of a message may change, its code does not.
 */
export type MeshErrorCode =
  /** An option is wrong; thrown when the mesh is made. */
  | 'ERR_MESH_CONFIG'
  /** The request itself is wrong (its URL, body or `mesh` options); nothing was sent. */
  | 'ERR_MESH_REQUEST'
  /** A host that no service answers to, where `unknownHosts` is 'error'. */
  | 'ERR_MESH_UNKNOWN_HOST'
  /** A source of endpoints answered, and does not know the service. */
  | 'ERR_MESH_UNKNOWN_SERVICE'
  /** No list of endpoints was ever had: the source failed. */
  | 'ERR_MESH_DISCOVERY'
  /** No list of endpoints came in time. */
  | 'ERR_MESH_DISCOVERY_TIMEOUT'
  /** The service is known and has no endpoint. */
  | 'ERR_MESH_NO_ENDPOINT'
  /** Every endpoint is shut: by its breaker, or because it has all the work it may have. */
  | 'ERR_MESH_UNAVAILABLE'
  /** The bulkhead's queue is full. */
  | 'ERR_MESH_QUEUE_FULL'
  /** Waited in the bulkhead's queue for as long as it allows. */
  | 'ERR_MESH_QUEUE_TIMEOUT'
  /** A breaker around the whole service is open. */
  | 'ERR_MESH_CIRCUIT_OPEN'
  /** The call, its retries included, took longer than `timeoutMs`. */
  | 'ERR_MESH_TIMEOUT'
  /** One attempt took longer than `attemptTimeoutMs`. */
  | 'ERR_MESH_ATTEMPT_TIMEOUT'
  /** The call was not over, its body included, at its `deadlineMs`. */
  | 'ERR_MESH_DEADLINE'
  /** No byte of the body came, or none was read, for `bodyIdleTimeoutMs`. */
  | 'ERR_MESH_BODY_IDLE'
  /** No connection could be made; nothing was sent. */
  | 'ERR_MESH_CONNECT'
  /** The connection was lost after the request was written and before the answer's headers. */
  | 'ERR_MESH_LOST'
  /** The answer is not HTTP. */
  | 'ERR_MESH_PROTOCOL'
  /** The answer's body broke off, or cannot be decoded. */
  | 'ERR_MESH_BODY'
  /** A redirect that must not or cannot be followed. */
  | 'ERR_MESH_REDIRECT'
  /** The mesh was closed. */
  | 'ERR_MESH_CLOSED';

/** Details of a `MeshError`. */
export interface MeshErrorInit {
  /** The service that the error is about. Default: none. */
  readonly service?: string | undefined;
  /** The attempts that were made, in order. Default: none. */
  readonly attempts?: readonly AttemptRecord[] | undefined;
  /** What lies beneath. Default: nothing. */
  readonly cause?: unknown;
  /** In how many milliseconds another call may fare better. Default: nobody knows. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * The one base of all errors that a mesh makes. It is a TypeError, because that is what `fetch` promises for
 * everything but an abort; an abort rejects with the signal's own reason, which is not a MeshError.
 *
 * @example
 * try { await mesh.fetch('http://users/42'); }
 * catch (error) {
 *   if (error instanceof MeshError && error.code === 'ERR_MESH_UNAVAILABLE') return shedLoad(error.retryAfterMs);
 *   throw error;
 * }
 */
export class MeshError extends TypeError {
  override name = 'MeshError';
  /** What went wrong, for programs to tell apart. */
  readonly code: MeshErrorCode;
  /** The service that it is about, where there is one. */
  readonly service: string | undefined;
  /** Every attempt that was made, in order: endpoint, outcome, duration. */
  readonly attempts: readonly AttemptRecord[];
  /** In how many milliseconds another call may fare better, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: MeshErrorCode, message: string, init: MeshErrorInit = {}) {
    super(describe(message, init), init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.service = init.service;
    this.attempts = init.attempts ?? [];
    this.retryAfterMs = init.retryAfterMs;
  }
}

/** A time ran out. Its `code` says which one, its message how to change it. */
export class TimeoutError extends MeshError {
  override name = 'TimeoutError';
}

/** A source of endpoints answered, and does not know the service: what a source passes to `sink.failed`. */
export class UnknownServiceError extends MeshError {
  constructor(service: string, source: string) {
    super('ERR_MESH_UNKNOWN_SERVICE', `${source} knows no service of this name`, { service });
  }
}

/**
 * An option is wrong. `path` says which one, as it would be written (`services.users.balancer`), `expected` what it
 * must be, in words, and `got` is the value that was there.
 */
export class ConfigError extends MeshError {
  override name = 'ConfigError';
  /** The value that was there; of a URL, without its credentials. */
  readonly got: unknown;

  constructor(
    readonly path: string,
    readonly expected: string,
    got: unknown,
  ) {
    const shown = typeof got === 'string' ? withoutCredentials(got) : got;
    super('ERR_MESH_CONFIG', `${path} must be ${expected}, got ${show(shown)}`);
    this.got = shown;
  }
}

/** A URL as errors may show it. Any other text stays as it is. */
export function withoutCredentials(url: string): string {
  // What cannot be parsed may have a password that is not written as URLs want it, with a slash or a question mark.
  if (URL.canParse(url) && !hasCredentials(new URL(url))) return url;
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/).*@/is, '$1');
}

function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** Adds to an error what only the end of a call knows: the attempts that came before it. */
export function withAttempts(error: unknown, call: Call): unknown {
  const attempts = call.past?.attempts;
  if (!(error instanceof MeshError) || attempts === undefined || error.attempts.length > 0) return error;
  const Kind = error instanceof TimeoutError ? TimeoutError : MeshError;
  const { service, cause, retryAfterMs } = error;
  return new Kind(error.code, bare(error), { service, cause, retryAfterMs, attempts });
}

/** The message without the parts that `describe` put around it. */
function bare(error: MeshError): string {
  const prefix = error.service === undefined ? '' : `${error.service}: `;
  return error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
}

function describe(message: string, { service, attempts = [] }: MeshErrorInit): string {
  const head = service === undefined ? message : `${service}: ${message}`;
  if (attempts.length === 0) return head;
  const tail = attempts.map((attempt) => {
    const outcome = attempt.status ?? (attempt.error instanceof MeshError ? attempt.error.code : String(attempt.error));
    return `${attempt.endpoint ?? 'no endpoint'} ${outcome} in ${Math.round(attempt.durationMs)} ms`;
  });
  return `${head}; ${attempts.length} ${attempts.length === 1 ? 'attempt' : 'attempts'}: ${tail.join(', ')}`;
}

/** A value as it may stand in a message: short, and without what might be secret inside objects. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 80 ? `'${value.slice(0, 77)}...'` : `'${value}'`;
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return value instanceof Error ? `${value.name}: ${value.message}` : 'an object';
  return String(value);
}
