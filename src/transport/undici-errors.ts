import type { Call } from '../core/call.js';
import { MeshError, type MeshErrorCode } from '../core/errors.js';

/** The request itself was refused, before anything was sent. */
const BAD_REQUEST = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']);

/** The server's bytes are not an HTTP answer. (undici's parser errors have no code: they are known by name.) */
const BAD_ANSWER = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE']);

/**
 * Translates what undici and the socket report into the mesh's own errors. Whether anything was sent is not
 * read from the error but from the call: undici says when it is about to write, and that is the only
 * evidence on which a POST may be repeated.
 */
export function attemptError(error: unknown, call: Call): MeshError {
  const where = call.endpoint?.origin ?? call.service;
  return new MeshError(codeOf(error, call), messageOf(error, call, where), { service: call.service, cause: error });
}

/** The error of a body that broke off. */
export function bodyError(error: unknown, call: Call): MeshError {
  const code = hasCode(error, BAD_ANSWER) || isParserError(error) ? 'ERR_MESH_PROTOCOL' : 'ERR_MESH_BODY';
  return new MeshError(code, `${call.endpoint?.origin} broke off its answer: ${reasonOf(error)}`, { service: call.service, cause: error });
}

function codeOf(error: unknown, call: Call): MeshErrorCode {
  if (hasCode(error, BAD_REQUEST)) return 'ERR_MESH_REQUEST';
  if (call.progress === 'unsent') return 'ERR_MESH_CONNECT';
  if (hasCode(error, BAD_ANSWER) || isParserError(error)) return 'ERR_MESH_PROTOCOL';
  return 'ERR_MESH_LOST';
}

function messageOf(error: unknown, call: Call, where: string): string {
  const reason = reasonOf(error);
  switch (codeOf(error, call)) {
    case 'ERR_MESH_REQUEST':
      return `the request cannot be sent: ${reason}`;
    case 'ERR_MESH_CONNECT':
      return `cannot connect to ${where}: ${reason}`;
    case 'ERR_MESH_PROTOCOL':
      return `${where} did not answer in HTTP: ${reason}`;
    default:
      return `${where} closed the connection before it answered: ${reason}`;
  }
}

/** An error in words. Happy eyeballs reports an AggregateError without a message: its parts have the addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ');
  if (error instanceof Error) return error.message === '' ? (codeIn(error) ?? error.name) : error.message;
  return String(error);
}

function codeIn(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

function hasCode(error: unknown, codes: ReadonlySet<string>): boolean {
  const code = codeIn(error);
  return code !== undefined && codes.has(code);
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}
