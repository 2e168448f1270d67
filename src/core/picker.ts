import type { Call } from './call.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import type { PickableView } from './endpoint-view.js';
import type { Random } from './random.js';
import type { Reply } from './reply.js';
import type { Verdict } from './verdict.js';

/**
 * Chooses an endpoint for each attempt. A picker is synchronous, allocates nothing on a pick and reads no
 * clock: it is told the time. It picks from the first `view.count` places of `view.slots` alone; whoever is
 * shut, removed or of a lower priority is not among them.
 */
export interface Picker {
  /** The endpoint for this attempt, or undefined when there is none to pick. */
  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined;
  /**
   * An attempt's verdict is known: what a measure of load learns from. `latencyMs` is from the request
   * written to the headers, or to the failure; `reply` is there where the endpoint answered, with what its headers
   * say of its load. Not called for endpoints that were removed meanwhile.
   */
  settle?(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void;
  /**
   * Whether this endpoint may be picked at all, whatever its state: a retry looks for one by itself where this picker's
   * choice was tried before. Default: yes.
   */
  allows?(endpoint: Endpoint): boolean;
  /** The service is let go: ends what runs by itself, such as a timer. */
  close?(): void;
}

/** What a picker is built with. */
export interface PickerScope {
  /** The service's name. */
  readonly service: string;
  /** The endpoints to choose from, of a service or of a part of it: the same object at each pick. */
  readonly view: PickableView;
  /** Whatever is drawn is drawn from this. */
  readonly random: Random;
  /** For what is done now and then. A pick is told the time and does not ask. */
  readonly clock: Clock;
}

/** A way of balancing, as a user writes it down. Stateless; it is built once per service. */
export interface Balancer {
  /** Shown by `mesh.inspect()`. */
  readonly name: string;
  /** Makes the picker of one service. */
  build(scope: PickerScope): Picker;
}
