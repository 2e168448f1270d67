import { fieldsOf } from '../fields.js';
import { excerpt, RegistryError } from '../registry-error.js';
import { numberOf, textOf } from './messages.js';

/**
 * etcd's refusals: codes of gRPC, wrapped in JSON in one way for an answer, in another for an error within a stream,
 * and as text for a watch that is cancelled.
 */

/** What etcd says when it does not do what it was asked. */
export interface Refusal {
  /** gRPC's number of the error; 2 (unknown) where etcd does not tell. */
  readonly code: number;
  readonly message: string;
}

const UNKNOWN = 2;
const OUT_OF_RANGE = 11;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
const NOT_FOUND = 5;

/** gRPC's names in the reason of a cancelled watch, as far as they are told apart here. */
const CODES: Readonly<Record<string, number>> = {
  InvalidArgument: 3,
  NotFound: NOT_FOUND,
  PermissionDenied: PERMISSION_DENIED,
  OutOfRange: OUT_OF_RANGE,
  Unavailable: 14,
  Unauthenticated: UNAUTHENTICATED,
};

/** What an answer other than 200, or an error within a stream, says. */
export function refusalOf(body: unknown): Refusal {
  const fields = fieldsOf(body);
  const nested = fieldsOf(fields.error);
  const message = textOf(nested.message) || textOf(fields.message) || textOf(fields.error);
  return { code: numberOf(nested.grpc_code ?? nested.code ?? fields.code) || UNKNOWN, message: message || excerpt(JSON.stringify(body)) };
}

/** Why a watch was cancelled: `rpc error: code = PermissionDenied desc = etcdserver: permission denied`. */
export function refusalOfWatch(reason: string): Refusal {
  const [, name = '', message] = /^rpc error: code = (\w+) desc = (.*)$/s.exec(reason) ?? [];
  return { code: CODES[name] ?? UNKNOWN, message: message ?? (reason || 'no reason given') };
}

/** The token has expired or its member has forgotten it, users or roles were changed, or authentication has been switched on: a new token helps. */
export function wantsNewToken({ code, message }: Refusal): boolean {
  return code === UNAUTHENTICATED || /invalid auth token|revision of auth store is old|user name is empty/.test(message);
}

/** The history that was asked for is not kept any more. */
export function isCompacted({ message }: Refusal): boolean {
  return message.includes('has been compacted');
}

/** The history that was asked for has not happened: these are not the data that were there before. */
export function isFuture({ message }: Refusal): boolean {
  return message.includes('is a future revision');
}

export function isNotFound({ code }: Refusal): boolean {
  return code === NOT_FOUND;
}

/** Whether a server that refuses like this is in order, so that another one would say the same. */
export function isAboutTheRequest({ code }: Refusal): boolean {
  return code === PERMISSION_DENIED || code === UNAUTHENTICATED || code === NOT_FOUND || code === OUT_OF_RANGE || code === 3;
}

/** What a request is about, for the advice in errors. */
export interface Purpose {
  /** What the user's role must permit. */
  readonly permission: 'read' | 'readwrite';
  /** On all keys that begin with this. */
  readonly prefix: string;
}

/** etcd refused. */
export class GatewayError extends RegistryError {
  constructor(
    server: string,
    path: string,
    readonly refusal: Refusal,
    status: number | undefined,
    purpose: Purpose | undefined,
    username: string | undefined,
  ) {
    const { message } = refusal;
    const answer = `answered ${status === undefined ? '' : `${status} `}to POST ${path} (${excerpt(message)})`;
    super({ source: 'etcd', server, what: answer, advice: adviceFor(refusal, status, purpose, username), status });
  }
}

function adviceFor(
  refusal: Refusal,
  status: number | undefined,
  purpose: Purpose | undefined,
  username: string | undefined,
): string | undefined {
  const { code, message } = refusal;
  if (code === PERMISSION_DENIED && purpose !== undefined) {
    const { permission, prefix } = purpose;
    return `the user '${username ?? ''}' needs a role that may ${permission === 'read' ? 'read' : 'read and write'} '${prefix}' (etcdctl role grant-permission ROLE ${permission} --prefix '${prefix}')`;
  }
  if (message.includes('authentication failed')) return 'check username and password';
  if (message.includes('user name is empty')) return 'it wants authentication: set username and password';
  if (status === 404 && code === UNKNOWN) return 'check endpoints: this is no etcd, or one older than 3.4';
  return undefined;
}
