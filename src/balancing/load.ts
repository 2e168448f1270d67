import type { Endpoint } from '../core/endpoint.js';
import type { PickableView } from '../core/endpoint-view.js';
import type { Random } from '../core/random.js';
import type { Verdict } from '../core/verdict.js';

/**
 * The contract of a measure of load: what `p2c` and `leastRequest` compare endpoints by.
 *
 * All that a measure remembers of an endpoint stands in the two cells that the view keeps for it, LOAD and
 * LOAD_STAMP. An endpoint therefore keeps its history for as long as it keeps its identity, loses it when it
 * is removed, and no measure holds a map that could grow. Both cells are 0 for an endpoint never measured.
 */

/**
 * A way of measuring load, as a user writes it down. Stateless; it is built once per service.
 *
 * @example
 * const inFlightOnly: Load = { name: 'inFlightOnly', build: () => ({ cost: (_cells, _cell, inFlight) => inFlight, settle() {} }) };
 * createMesh({ discovery, defaults: { balancer: p2c({ load: inFlightOnly }) } });
 */
export interface Load {
  /** What it measures, in a word. */
  readonly name: string;
  /** Makes the measure of one service. */
  build(): LoadMeasure;
}

/** Measures the load of one service's endpoints. */
export interface LoadMeasure {
  /**
   * What one more request costs where `inFlight` are under way already: at least 0, lower is better, finite.
   * `cell` is where the endpoint's numbers begin in `cells` (endpoint-view.ts). `inFlight` is handed over and
   * not read from there, because between endpoints of different weights it is scaled by them. Called for
   * every endpoint that a pick looks at, so it allocates nothing and changes nothing.
   */
  cost(cells: Float64Array, cell: number, inFlight: number, nowMs: number): number;
  /**
   * The slot of the endpoint that costs least of all that can be picked, of which there are two at least; of equal ones
   * any, by chance. A number that comes back from a call which the engine did not inline is put on the heap, so a
   * measure that is asked for each pick compares in one call. Default: `cost` of each.
   */
  cheapest?(view: PickableView, random: Random, nowMs: number): number;
  /** Of two slots the one whose endpoint costs less, the first where they cost the same. Default: by the `cost` of each. */
  cheaper?(view: PickableView, first: number, second: number, nowMs: number): number;
  /** An attempt's verdict is known: notes in the endpoint's two cells what it says about the load. */
  settle(cells: Float64Array, cell: number, endpoint: Endpoint, verdict: Verdict, latencyMs: number, nowMs: number): void;
}
