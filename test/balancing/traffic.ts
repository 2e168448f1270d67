import type { Endpoint } from '../../src/core/endpoint.js';
import type { EndpointView } from '../../src/core/endpoint-view.js';
import type { Picker } from '../../src/core/picker.js';
import type { Random } from '../../src/core/random.js';
import type { Verdict } from '../../src/core/verdict.js';
import { aCall } from './endpoints.js';

/** What an endpoint does with a request: how it ends, and after how long. */
export interface Behaviour {
  readonly verdict?: Verdict;
  readonly latencyMs: number;
}

export interface Traffic {
  readonly picker: Picker;
  readonly view: EndpointView;
  readonly random: Random;
  /** Requests arrive at this rate, at random (Poisson). */
  readonly perSecond: number;
  readonly requests: number;
  respond(endpoint: Endpoint, nowMs: number): Behaviour;
}

/** Sends requests in simulated time; returns how many each endpoint got. */
export function simulate({ picker, view, random, perSecond, requests, respond }: Traffic): Map<string, number> {
  const counts = new Map<string, number>();
  const underWay: { readonly endMs: number; readonly endpoint: Endpoint; readonly behaviour: Behaviour }[] = [];
  let nowMs = 0;
  for (let sent = 0; sent < requests; sent++) {
    nowMs -= (Math.log(1 - random.next()) * 1000) / perSecond;
    for (let next = underWay[0]; next !== undefined && next.endMs <= nowMs; next = underWay[0]) {
      underWay.shift();
      view.track(next.endpoint, -1);
      picker.settle?.(next.endpoint, next.behaviour.verdict ?? 'success', next.behaviour.latencyMs, aCall, next.endMs, undefined);
    }
    const endpoint = picker.pick(view, aCall, nowMs);
    if (endpoint === undefined) continue;
    counts.set(endpoint.id, (counts.get(endpoint.id) ?? 0) + 1);
    view.track(endpoint, 1);
    const behaviour = respond(endpoint, nowMs);
    const endMs = nowMs + behaviour.latencyMs;
    let index = underWay.length;
    while (index > 0 && (underWay[index - 1]?.endMs ?? 0) > endMs) index--;
    underWay.splice(index, 0, { endMs, endpoint, behaviour });
  }
  return counts;
}

/** A latency spread exponentially around its mean: as uneven as real ones. */
export function exponential(random: Random, meanMs: number): number {
  return -meanMs * Math.log(1 - random.next());
}
