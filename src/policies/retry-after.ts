import type { Call } from '../core/call.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointView } from '../core/endpoint-view.js';

/**
 * Until when a retry has to wait because a server asked for it; in the past when it need not.
 *
 * A 429 binds the service and therefore every retry. A 503 binds its endpoint: the balancer goes elsewhere,
 * so there is something to wait for only when every endpoint that can be picked is bound, or when the call is
 * pinned to one that is. Waiting less than a server asked for is the one thing that must not happen, so no
 * upper bound shortens the wait: a wait that does not fit into the call's time is no retry.
 */
export function retryBoundUntilMs(view: EndpointView, call: Call, tried: Endpoint | undefined, nowMs: number): number {
  // An endpoint that just answered is among the pickable ones; as long as it is not bound, not all are.
  if (tried === undefined || tried.retryAfterMs <= nowMs) return view.retryAfterMs;
  const endpointsMs = call.pinned === undefined ? firstFreeMs(view, nowMs) : tried.retryAfterMs;
  return Math.max(view.retryAfterMs, endpointsMs);
}

/** When the first of the pickable endpoints may be asked again. Looks at all of them only if all are bound. */
function firstFreeMs(view: EndpointView, nowMs: number): number {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (let place = 0; place < view.count; place++) {
    const { retryAfterMs } = view.bySlot[view.slots[place] as number] as Endpoint;
    if (retryAfterMs <= nowMs) return 0;
    if (retryAfterMs < earliestMs) earliestMs = retryAfterMs;
  }
  return view.count === 0 ? 0 : earliestMs;
}
