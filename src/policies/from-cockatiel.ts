import type { IDefaultPolicyContext, IPolicy } from 'cockatiel';
import { ConfigError } from '../core/errors.js';
import { knownKeys } from '../core/options-check.js';
import { definePolicy, type Policy } from '../core/policy.js';
import { CockatielExecution } from './cockatiel-execution.js';

/** A policy of cockatiel's, or anything that executes a function as one does. */
export type CockatielPolicy = Pick<IPolicy<IDefaultPolicyContext, unknown>, 'execute'>;

/** How a cockatiel policy goes by. */
export interface FromCockatielOptions {
  /** By which calls and services name it, for two of them in one list. Default 'cockatiel'. */
  readonly name?: string | undefined;
}

/**
 * Puts a cockatiel policy into a stack, at any level. `makePolicy` is called once for each service, or in
 * `perEndpoint` once for each endpoint: a breaker shared by two endpoints would open for both.
 *
 * The policy runs the rest of the stack as its function. An answer whose verdict is 'failure' or 'retryable'
 * appears to it as a thrown `FailedReply`; where that is the outcome, the caller still gets the answer. A retry
 * policy sends again only what is safe to repeat, as `retry` does; in `perEndpoint` it sends to the same
 * endpoint. Its own refusals reach the caller as ERR_MESH_UNAVAILABLE, its timeouts as a `TimeoutError`, with
 * cockatiel's error as the cause.
 *
 * Such a policy is no gate: the balancer does not see its open breaker, and an attempt that it refuses is
 * spent. It runs on the machine's own time, also under a virtual clock. A breaker over `handleAll` counts a
 * caller's abort; `handleType(FailedReply)` or `handleWhen` can leave it out.
 *
 * @throws ConfigError if `makePolicy` is no function; at first use, if what it makes is no policy.
 * @example
 * import { circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';
 * { perEndpoint: [fromCockatiel(() => circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) }))] }
 */
export function fromCockatiel(makePolicy: () => CockatielPolicy, options: FromCockatielOptions = {}): Policy {
  knownKeys('fromCockatiel', options, ['name']);
  const { name = 'cockatiel' } = options;
  if (typeof makePolicy !== 'function') throw new ConfigError('fromCockatiel', 'a function that makes a cockatiel policy', makePolicy);
  if (typeof name !== 'string' || name === '') throw new ConfigError('fromCockatiel.name', 'a name', name);
  return definePolicy({
    name,
    levels: ['call', 'attempt', 'endpoint'],
    build(next, scope) {
      const policy = makePolicy();
      if (typeof policy?.execute !== 'function') throw new ConfigError(`${name}()`, 'a cockatiel policy, with a method execute', policy);
      return (call) => {
        if (call.cancelled) return Promise.reject(call.cancelReason);
        return new Promise((resolve, reject) => new CockatielExecution(call, next, scope, resolve, reject).run(policy));
      };
    },
  });
}
