import { Call } from '../../src/core/call.js';
import { Endpoint, type Instance } from '../../src/core/endpoint.js';
import { CELLS, EndpointView, IN_FLIGHT, LOAD, LOAD_STAMP } from '../../src/core/endpoint-view.js';
import type { Balancer, Picker } from '../../src/core/picker.js';
import type { Random } from '../../src/core/random.js';
import type { Verdict } from '../../src/core/verdict.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** Endpoints, views and pickers for the tests of balancing, and ways to use them without a network. */

export function endpointOf(index: number, part: Partial<Instance> = {}): Endpoint {
  const id = part.id ?? `e${index}`;
  return new Endpoint({
    id,
    protocol: 'http:',
    hostname: id,
    port: 80,
    basePath: '',
    weight: 1,
    priority: 0,
    zone: undefined,
    metadata: {},
    ...part,
  });
}

export function viewOf(...endpoints: readonly Endpoint[]): EndpointView {
  const view = new EndpointView({ ejected() {}, recovered() {} });
  for (const endpoint of endpoints) view.add(endpoint);
  return view;
}

/** A view of endpoints with these weights, in this order. */
export function weightedView(weights: readonly number[]): { view: EndpointView; endpoints: Endpoint[] } {
  const endpoints = weights.map((weight, index) => endpointOf(index, { weight }));
  return { view: viewOf(...endpoints), endpoints };
}

export function pickerFor(balancer: Balancer, view: EndpointView, random: Random = seededRandom(1)): Picker {
  return balancer.build({ service: 'users', view, random, clock: new VirtualClock() });
}

export const aCall = new Call({ service: 'users', method: 'GET', path: '/', headers: [], idempotent: true });

/** How often each endpoint is picked in `picks` picks, none of which is carried out. */
export function sharesOf(picker: Picker, view: EndpointView, picks: number, nowMs = 0): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < picks; i++) {
    const id = picker.pick(view, aCall, nowMs)?.id ?? 'none';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** An attempt from its pick to its verdict, in no time but its latency's. */
export function settled(picker: Picker, endpoint: Endpoint, verdict: Verdict, latencyMs: number, nowMs: number): void {
  picker.settle?.(endpoint, verdict, latencyMs, aCall, nowMs, undefined);
}

/** The endpoint's numbers in the view. */
export function cellsOf(view: EndpointView, endpoint: Endpoint): { inFlight: number; load: number; stampMs: number } {
  const cell = endpoint.slot * CELLS;
  const at = (offset: number) => view.cells[cell + offset] ?? Number.NaN;
  return { inFlight: at(IN_FLIGHT), load: at(LOAD), stampMs: at(LOAD_STAMP) };
}

/**
 * Whether `hits` of `trials` is within five standard deviations of what `share` predicts: a correct picker fails
 * that for fewer than one seed in a million, and one that is off by a few per cent for nearly all.
 */
export function isShare(hits: number, trials: number, share: number): boolean {
  return Math.abs(hits - trials * share) <= 5 * Math.sqrt(trials * share * (1 - share)) + 1;
}
