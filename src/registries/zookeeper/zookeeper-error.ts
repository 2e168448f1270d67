import { RegistryError } from '../registry-error.js';

/** Codes of ZooKeeper's errors that mean something here. */
export const CODE = { noNode: -101, noAuth: -102, nodeExists: -110, notEmpty: -111, sessionExpired: -112, sessionMoved: -118 } as const;

/** What to do about an answer, where that is known. */
const ADVICE: Readonly<Record<number, string>> = {
  [-8]: 'the name cannot be that of a znode',
  [-111]: 'the znode has children; remove it or choose another id',
  [-114]: 'set acl to one that the server takes',
  [-122]: 'the server is overloaded',
  [-127]: 'the server is overloaded',
  [-125]: 'a quota of the server is used up',
};

/** A server refused a request. */
export class RefusedError extends RegistryError {
  override name = 'RefusedError';
  constructor(
    readonly server: string,
    /** ZooKeeper's number of the error. */
    readonly reason: number,
    request: string,
    permission: string,
    name: string,
  ) {
    const advice = reason === CODE.noAuth ? `set auth to credentials that have ${permission}` : ADVICE[reason];
    super({ source: 'zookeeper', server, what: `answered ${name} to ${request}`, advice });
  }
}

/** Whether ZooKeeper answered with one of its codes. */
export function isCode(error: unknown, code: number): boolean {
  return error instanceof RefusedError && error.reason === code;
}
