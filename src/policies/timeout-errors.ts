import type { Call } from '../core/call.js';
import { TimeoutError } from '../core/errors.js';

/**
 * Every time that can run out, each with its own code and its own words: which time it was, its value, and
 * where to change it. "The operation timed out" sends people to the wrong setting.
 */

export function callTimedOut(call: Call, timeoutMs: number): TimeoutError {
  return new TimeoutError(
    'ERR_MESH_TIMEOUT',
    `no answer within the call's time, retries included (timeoutMs: ${timeoutMs}); change it with timeoutMs in standard() or in a timeout() in perCall, or for one call with mesh: { timeoutMs }`,
    { service: call.service },
  );
}

export function attemptTimedOut(call: Call, timeoutMs: number): TimeoutError {
  const who = call.endpoint === undefined ? 'one attempt' : `the attempt at ${call.endpoint.id}`;
  return new TimeoutError(
    'ERR_MESH_ATTEMPT_TIMEOUT',
    `${who} had no answer within its time (attemptTimeoutMs: ${timeoutMs}); change it with attemptTimeoutMs in standard() or with a timeout() in perAttempt or perEndpoint, or for one call with mesh: { attemptTimeoutMs }`,
    { service: call.service },
  );
}

export function bodyIdleTimedOut(call: Call, bodyIdleTimeoutMs: number): TimeoutError {
  return new TimeoutError(
    'ERR_MESH_BODY_IDLE',
    `the body stood still: no byte came, or none was read, within bodyIdleTimeoutMs: ${bodyIdleTimeoutMs}; change it with bodyIdleTimeoutMs in standard() or in a timeout() in perCall, or for one call with mesh: { bodyIdleTimeoutMs } (Infinity for none)`,
    { service: call.service },
  );
}

/** `what` says how far the call was. */
export function deadlinePassed(call: Call, deadlineMs: number, what: string): TimeoutError {
  return new TimeoutError(
    'ERR_MESH_DEADLINE',
    `${what} at the deadline that the call was given (mesh: { deadlineMs: ${deadlineMs} }, milliseconds since 1970)`,
    { service: call.service },
  );
}

/** For whoever was about to start work for a call and found its time over, before its timer said so. */
export function timeIsOver(call: Call, cause: unknown): TimeoutError {
  return new TimeoutError('ERR_MESH_TIMEOUT', "the call's time was over before the next attempt could start", {
    service: call.service,
    cause,
  });
}
