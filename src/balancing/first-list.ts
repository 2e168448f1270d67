import type { Call } from '../core/call.js';
import { extendable, followedBy } from '../core/continuation.js';
import type { Send } from '../core/policy.js';

/** The list of a service's endpoints, as far as waiting for it goes. */
export interface ListSource {
  /** Whether a list has ever come. */
  readonly isReady: boolean;
  /** Waits for the first list, within the call. */
  ready(call: Call): Promise<void>;
}

/**
 * Holds the first calls of a service back until there is a list.
 *
 * It stands above the attempts: no attempt is made while nobody knows where to, so the time of an attempt must
 * not run, and must not end in a retry that waits for the same list again.
 */
export function awaitFirstList(list: ListSource, next: Send): Send {
  return extendable((after) => {
    const send = followedBy(next, after);
    return (call) => {
      if (list.isReady) return send(call);
      return list.ready(call).then(
        () => send(call),
        (error) => after.failed(call, error),
      );
    };
  });
}
