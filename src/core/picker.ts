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
   * Whether this endpoint may be picked for this call at all, whatever its state: a retry looks for one by itself where
   * this picker's choice was tried before. Default: yes.
   */
  allows?(endpoint: Endpoint, call: Call): boolean;
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
  /**
   * Asks one endpoint something, outside policies and gates, over its own connections. It counts as no request of the
   * service: not as one in flight, and not in its latencies. Absent where there is no way to endpoints, as in a test of
   * a picker by itself.
   */
  readonly ask?: ((endpoint: Endpoint, question: Question) => Inquiry) | undefined;
}

/** What a picker asks an endpoint by itself. */
export interface Question {
  /** Path and query, without the endpoint's base path. */
  readonly path: string;
  /** Default 'GET'. It must change nothing at the endpoint. */
  readonly method?: string | undefined;
  /** Header names and values in turn; `host` is there already. Default: none. */
  readonly headers?: readonly string[] | undefined;
  /** For how long the answer may take, in milliseconds, connecting and the body included. Above 0. */
  readonly timeoutMs: number;
}

/** A question under way. */
export interface Inquiry {
  /**
   * The answer, at its headers; nobody gets its body. Rejects where none came in time, and at once when the inquiry is
   * cancelled, its endpoint removed or its service let go. Nobody has to listen.
   */
  readonly reply: Promise<Reply>;
  /** Gives it up. Does nothing once it is over. */
  cancel(): void;
}

/** A way of balancing, as a user writes it down. Stateless; it is built once per service. */
export interface Balancer {
  /** Shown by `mesh.inspect()`. */
  readonly name: string;
  /** Makes the picker of one service. */
  build(scope: PickerScope): Picker;
}
