import type { Call } from './call.js';
import type { Send } from './policy.js';
import type { Reply } from './reply.js';

/**
 * What policies do with an outcome, in one promise reaction for all of them.
 *
 * `next(call).then(...)` in each policy costs a promise, a reaction and two closures for each, which together were a
 * quarter of the stack's time. A way down that is *extendable* takes what comes after it into its own reaction: the
 * policy above it then adds none. Whoever is not extendable (a user's policy, the wire) is followed by a `then` as
 * ever; the outcome is the same either way, a throw becomes the next one's failure, a promise is waited for.
 */

/** Takes an outcome and gives another, or the same. What it throws is a failure for the next. */
export interface Continuation {
  replied(call: Call, reply: Reply): Reply | Promise<Reply>;
  failed(call: Call, error: unknown): Reply | Promise<Reply>;
}

/** Makes a way down that ends in `after`. It must hand every outcome to it, those from before `next` included. */
export type Extend = (after: Continuation) => Send;

const EXTEND = Symbol('extend');

interface ExtendableSend extends Send {
  readonly [EXTEND]?: Extend;
}

/** Leaves the outcome as it is. */
const NOTHING: Continuation = {
  replied: (_call, reply) => reply,
  failed: (_call, error) => {
    throw error;
  },
};

/** A way down that takes what comes after it into its own reaction. */
export function extendable(extend: Extend): Send {
  const safely: Extend = (after) => {
    const send = extend(after);
    return (call) => {
      try {
        return send(call);
      } catch (error) {
        // A balancer or a gate of the user's threw.
        return rejected(call, error, after);
      }
    };
  };
  return Object.assign(safely(NOTHING), { [EXTEND]: safely });
}

/** Whether following it costs no reaction of its own. */
export function isExtendable(send: Send): boolean {
  return (send as ExtendableSend)[EXTEND] !== undefined;
}

/** The way down `next`, followed by `continuation`. */
export function followedBy(next: Send, continuation: Continuation): Send {
  const extend = (next as ExtendableSend)[EXTEND];
  if (extend !== undefined) return extend(continuation);
  return (call) => hand(sendSafely(next, call), call, continuation);
}

/**
 * Sends, and turns a throw into a rejection. A policy of the user's may throw where it should reject; were
 * that to pass through, a bulkhead would lose a slot for ever and a timeout would stay armed.
 */
export function sendSafely(next: Send, call: Call): Promise<Reply> {
  try {
    return next(call);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** First the one, then the other. */
export function inTurn(first: Continuation, second: Continuation): Continuation {
  if (second === NOTHING) return first;
  const pass = (call: Call, outcome: Reply | Promise<Reply>): Reply | Promise<Reply> =>
    outcome instanceof Promise ? hand(outcome, call, second) : second.replied(call, outcome);
  return {
    replied(call, reply) {
      let outcome: Reply | Promise<Reply>;
      try {
        outcome = first.replied(call, reply);
      } catch (error) {
        return second.failed(call, error);
      }
      return pass(call, outcome);
    },
    failed(call, error) {
      let outcome: Reply | Promise<Reply>;
      try {
        outcome = first.failed(call, error);
      } catch (another) {
        return second.failed(call, another);
      }
      return pass(call, outcome);
    },
  };
}

/** A refusal from before anything was sent, handed to what comes after. */
export function rejected(call: Call, error: unknown, after: Continuation): Promise<Reply> {
  const refusal = Promise.reject<Reply>(error);
  return after === NOTHING ? refusal : hand(refusal, call, after);
}

/** Hands an outcome on that comes later. */
export function hand(outcome: Promise<Reply>, call: Call, after: Continuation): Promise<Reply> {
  return outcome.then(
    (reply) => after.replied(call, reply),
    (error) => after.failed(call, error),
  );
}
