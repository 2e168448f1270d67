import type { Call } from './call.js';
import type { Clock } from './clock.js';
import { extendable, followedBy, isExtendable } from './continuation.js';
import type { DeadlineQueue } from './deadline-queue.js';
import type { Endpoint } from './endpoint.js';
import type { EndpointView } from './endpoint-view.js';
import type { EventEmitter } from './events.js';
import type { GateFactory } from './gate.js';
import type { Random } from './random.js';
import type { Reply } from './reply.js';

/**
 * The contract that everything around a request keeps.
 *
 * A policy that waits or repeats (timeout, retry, queue, fallback) is a function around the rest of the
 * path, `next`. It is built once per scope, so a call walks ready-made links and makes no closure to find
 * its next step, and it may call `next` as often as it likes, which Koa-style middleware cannot. A policy
 * that only counts is a gate: see gate.ts.
 *
 * Where a policy stands is its scope. In `perCall` it exists once per service and meets each call once; in
 * `perAttempt` also once per service, but it meets every try; in `perEndpoint` it exists once per endpoint.
 */

/** Sends one call, or one try of it, and resolves when the reply's headers are there. */
export type Send = (call: Call) => Promise<Reply>;

/** Where in the stack a policy stands: in `perCall`, `perAttempt` or `perEndpoint`. */
export type Level = 'call' | 'attempt' | 'endpoint';

/**
 * One behaviour around a call. It is a stateless description: the function is called once for each scope
 * that the policy stands in, when that scope is first used, and what it returns handles the calls. A plain
 * function will do; it goes by its own name.
 *
 * @example
 * const signed: Policy = (next) => (call) => {
 *   call.setHeader('x-signature', sign(call.path));
 *   return next(call);
 * };
 */
export interface Policy<At extends Level = Level> {
  (next: Send, scope: Scope<At>): Send;
  /** By which calls override it, services replace it and errors name it. Unique within its list. */
  readonly name: string;
  /** Where it may stand; anywhere when left out. Checked when the mesh is made. */
  readonly levels?: readonly Level[];
  /**
   * Checks what one call overrides (`mesh: { [name]: value }`) and returns what the policy will read from
   * `call.overrides[name]`. Without this method a call can only switch the policy off, with `false`.
   * @throws TypeError that says what was expected.
   */
  override?(value: unknown): unknown;
  /**
   * Checks what depends on the place: options that make sense at one level and not at another. Called when
   * the mesh is made.
   * @throws ConfigError that says what was expected.
   */
  validate?(level: Level): void;
}

/** The policies of a service, in the three places where they may stand, each list outermost first. */
export interface PolicyStack {
  readonly perCall: readonly Policy<'call'>[];
  readonly perAttempt: readonly Policy<'attempt'>[];
  readonly perEndpoint: readonly Policy<'endpoint'>[];
}

/** What every policy of a service can reach. */
export interface ServiceScope {
  /** The service's name. */
  readonly service: string;
  /** The mesh's time: what a policy waits by and measures with. */
  readonly clock: Clock;
  /** The mesh's chance. */
  readonly random: Random;
  /** The mesh's events. Ask `has` before an event object is made. */
  readonly events: EventEmitter;
  /** For times that are set for nearly every call. */
  readonly deadlines: DeadlineQueue;
  /** The service's endpoints as the balancer sees them. */
  readonly endpoints: EndpointView;
}

/** What a policy under the balancer can reach: also its endpoint. */
export interface EndpointScope extends ServiceScope {
  readonly level: 'endpoint';
  /** The endpoint that the policy stands in front of. */
  readonly endpoint: Endpoint;
  /** Registers a gate on the endpoint: what `gatePolicy` does. */
  addGate(name: string, makeGate: GateFactory): void;
}

/** The surroundings that a policy is built into. */
export type Scope<At extends Level = Level> = At extends 'endpoint' ? EndpointScope : ServiceScope & { readonly level: At };

/**
 * Makes a policy with a name of its own choosing, a place where it may stand, and overrides.
 *
 * @example
 * const tenant = (id: string) => definePolicy({
 *   name: 'tenant',
 *   levels: ['call'],
 *   build: (next) => (call) => { call.setHeader('x-tenant', id); return next(call); },
 * });
 */
export function definePolicy<At extends Level = Level>(description: {
  readonly name: string;
  readonly levels?: readonly At[];
  readonly build: (next: Send, scope: Scope<At>) => Send;
  readonly override?: (value: unknown) => unknown;
  readonly validate?: (level: Level) => void;
}): Policy<At> {
  const { name, levels, build, override, validate } = description;
  const policy = (next: Send, scope: Scope<At>): Send => build(next, scope);
  Object.defineProperty(policy, 'name', { value: name });
  return Object.assign(policy, levels && { levels }, override && { override }, validate && { validate }) as Policy<At>;
}

/** Builds `policies` around `bottom`, the first outermost. */
export function layers<At extends Level>(policies: readonly Policy<At>[], scope: Scope<At>, bottom: Send): Send {
  return policies.reduceRight<Send>((next, policy) => {
    const send = policy(next, scope);
    if (send === next) return next;
    const { name } = policy;
    const switchable =
      (on: Send, off: Send): Send =>
      (call) =>
        call.overrides !== undefined && call.overrides[name] === false ? off(call) : on(call);
    if (!isExtendable(send)) return switchable(send, next);
    return extendable((after) => switchable(followedBy(send, after), followedBy(next, after)));
  }, bottom);
}
