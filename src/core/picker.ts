import type { Call } from './call.js';
import type { Endpoint } from './endpoint.js';
import type { EndpointView } from './endpoint-view.js';
import type { Random } from './random.js';
import type { Verdict } from './verdict.js';

/**
 * Chooses an endpoint for each attempt. A picker is synchronous, allocates nothing on a pick and reads no
 * clock: it is told the time. It picks from the first `view.count` places of `view.slots` alone; whoever is
 * shut, removed or of a lower priority is not among them.
 */
export interface Picker {
  /** The endpoint for this attempt, or undefined when there is none to pick. */
  pick(view: EndpointView, call: Call, nowMs: number): Endpoint | undefined;
  /**
   * An attempt's verdict is known: what a measure of load learns from. `latencyMs` is from the request
   * written to the headers, or to the failure. Not called for endpoints that were removed meanwhile.
   */
  settle?(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number): void;
}

/** What a picker is built with. */
export interface PickerScope {
  /** The service's name. */
  readonly service: string;
  /** The service's endpoints: the same object at each pick. */
  readonly view: EndpointView;
  /** Whatever is drawn is drawn from this. */
  readonly random: Random;
}

/** A way of balancing, as a user writes it down. Stateless; it is built once per service. */
export interface Balancer {
  /** Shown by `mesh.inspect()`. */
  readonly name: string;
  /** Makes the picker of one service. */
  build(scope: PickerScope): Picker;
}
