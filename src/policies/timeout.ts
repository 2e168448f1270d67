import { ConfigError } from '../core/errors.js';
import { isToken } from '../core/http-token.js';
import { durationMs, knownKeys } from '../core/options-check.js';
import { definePolicy, type Level, type Policy } from '../core/policy.js';
import { attemptTimeout } from './attempt-timeout.js';
import { callTimeout } from './call-timeout.js';

/** How long things may take. */
export interface TimeoutOptions {
  /**
   * In `perCall`: from the call to the headers that are handed over, retries and queues included. In
   * `perAttempt` and `perEndpoint`: from one try to its headers. Milliseconds above 0; default Infinity, none.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * For how long a body may stand still, no byte coming or none being read. In `perCall` only. Milliseconds
   * above 0; default Infinity, none.
   */
  readonly bodyIdleTimeoutMs?: number | undefined;
  /**
   * A request header in which each try carries the milliseconds it has left, so that the server can stop when
   * nobody waits any more. In `perAttempt` and `perEndpoint` only. Default: none.
   */
  readonly deadlineHeader?: string | undefined;
}

/** What one call changes about its times: `mesh: { timeout: { ... } }`. Infinity for none. */
export interface TimeoutOverride {
  /** Read by the timeout in `perCall`. */
  readonly timeoutMs?: number | undefined;
  /** Read by the timeouts in `perAttempt` and `perEndpoint`. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Read by the timeout in `perCall`. */
  readonly bodyIdleTimeoutMs?: number | undefined;
  /**
   * When everything must be over, the last byte of the body included: milliseconds since 1970. A deadline
   * that is past fails the call with nothing sent. Read by the timeout in `perCall`.
   */
  readonly deadlineMs?: number | undefined;
}

const OVERRIDE_KEYS = ['timeoutMs', 'attemptTimeoutMs', 'bodyIdleTimeoutMs', 'deadlineMs'];

/**
 * Bounds how long a call, or one try of it, may take. Times end at the reply's headers, so that streams live
 * as long as they flow; the body has a time of its own, between its bytes.
 *
 * It fails with a `TimeoutError`: ERR_MESH_TIMEOUT for the call, ERR_MESH_ATTEMPT_TIMEOUT for a try (which
 * retry may repeat), ERR_MESH_BODY_IDLE and ERR_MESH_DEADLINE. Times may run over by 1/64, never short.
 *
 * @throws ConfigError for a time that is not above 0, and for an option that its place cannot honour.
 * @example
 * { perCall: [timeout({ timeoutMs: 2_000, bodyIdleTimeoutMs: 10_000 }), retry()], perAttempt: [timeout({ timeoutMs: 500 })] }
 */
export function timeout(options: TimeoutOptions = {}): Policy {
  knownKeys('timeout', options, ['timeoutMs', 'bodyIdleTimeoutMs', 'deadlineHeader']);
  const timeoutMs = orNever('timeout.timeoutMs', options.timeoutMs);
  const bodyIdleTimeoutMs = orNever('timeout.bodyIdleTimeoutMs', options.bodyIdleTimeoutMs);
  const { deadlineHeader } = options;
  if (deadlineHeader !== undefined && !(typeof deadlineHeader === 'string' && isToken(deadlineHeader))) {
    throw new ConfigError('timeout.deadlineHeader', 'the name of a header', deadlineHeader);
  }

  const validate = (level: Level): void => {
    // Set once per call, the header would tell a retry's server about time that is long gone.
    if (level === 'call' && deadlineHeader !== undefined) {
      throw new ConfigError(
        'timeout.deadlineHeader',
        'left out in perCall: each try has its own time left, so it stands in perAttempt',
        deadlineHeader,
      );
    }
    if (level !== 'call' && options.bodyIdleTimeoutMs !== undefined) {
      throw new ConfigError(
        'timeout.bodyIdleTimeoutMs',
        'left out below perCall: only the reply that is handed over has a body to watch',
        options.bodyIdleTimeoutMs,
      );
    }
  };

  return definePolicy({
    name: 'timeout',
    levels: ['call', 'attempt', 'endpoint'],
    validate,
    override,
    build(next, scope) {
      validate(scope.level);
      if (scope.level === 'call') return callTimeout(next, scope, timeoutMs, bodyIdleTimeoutMs);
      return attemptTimeout(next, scope, timeoutMs, deadlineHeader);
    },
  });
}

function override(value: unknown): TimeoutOverride | false {
  if (value === false) return false;
  knownKeys('timeout', value, OVERRIDE_KEYS);
  const { deadlineMs, ...durations } = value as TimeoutOverride;
  for (const [key, each] of Object.entries(durations)) if (each !== undefined) durationMs(`timeout.${key}`, each, { infinite: true });
  if (deadlineMs !== undefined && !(Number.isFinite(deadlineMs) && deadlineMs >= 0)) {
    throw new ConfigError('timeout.deadlineMs', 'a point in time in milliseconds since 1970', deadlineMs);
  }
  return value as TimeoutOverride;
}

function orNever(path: string, value: number | undefined): number {
  return value === undefined ? Number.POSITIVE_INFINITY : durationMs(path, value, { infinite: true });
}
