import type { Call } from './call.js';
import { definePolicy, type EndpointScope, type Policy } from './policy.js';
import type { Verdict } from './verdict.js';

/**
 * A policy that only counts: it never waits, so it costs no promise, and the balancer knows of it before
 * it picks. An open breaker therefore means another endpoint and not a spent attempt.
 *
 * A gate stands shut or open. It says so when that changes, through the `Shutter` that it was made with;
 * nobody asks it, which keeps a pick as cheap with a thousand shut endpoints as with none.
 */
export interface Gate {
  /** An attempt was sent through. */
  begin?(call: Call, nowMs: number): void;
  /**
   * The attempt's verdict is known, at the reply's headers or at a failure before them. Once per `begin`.
   * `latencyMs` runs from the request written to the headers (or to the failure).
   */
  settle?(verdict: Verdict, latencyMs: number, call: Call, nowMs: number): void;
  /**
   * Nothing of the attempt is left: its body ended, was cancelled, or failed half way. Once per `begin`,
   * after `settle`.
   */
  release?(ending: Ending, call: Call): void;
  /** The endpoint is gone, or its mesh is closed: stop timers. */
  dispose?(): void;
  /** Plain JSON for `mesh.inspect()`. */
  inspect?(): unknown;
}

/** How the body of a reply ended. */
export type Ending = 'ended' | 'cancelled' | 'failed';

/** Why a gate is shut: `broken` endpoints are thought unfit; `busy` ones have all the work they may have. */
export type ShutReason = 'broken' | 'busy';

/** What a gate tells the rest of the mesh. */
export interface Shutter {
  /** Nothing may pass from now on. `untilMs` (of the clock) says when that is expected to end, if known. */
  shut(reason: ShutReason, untilMs?: number): void;
  /** Attempts may pass again. */
  open(): void;
}

/** Makes a gate for one endpoint. */
export type GateFactory = (shutter: Shutter, scope: EndpointScope) => Gate;

/**
 * Makes a policy of a gate. It stands in `perEndpoint`, where it is built once per endpoint and shows
 * itself to the balancer.
 *
 * @example
 * const countFailures = gatePolicy('countFailures', (shutter) => {
 *   let failures = 0;
 *   return { settle(verdict) { if (verdict === 'failure' && ++failures > 9) shutter.shut('broken'); } };
 * });
 */
export function gatePolicy(name: string, makeGate: GateFactory): Policy<'endpoint'> {
  return definePolicy({
    name,
    levels: ['endpoint'],
    build(next, scope) {
      scope.addGate(name, makeGate);
      return next;
    },
    override() {
      throw new TypeError(`${name} counts for all calls of an endpoint, so one call cannot override it`);
    },
  });
}
