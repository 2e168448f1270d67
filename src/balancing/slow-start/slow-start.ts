import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import { CELLS, IN_FLIGHT, type PickableView } from '../../core/endpoint-view.js';
import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn } from '../../core/options-check.js';
import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { RampShape } from './ramp-factor.js';
import { Ramps } from './ramps.js';

/** Options of `slowStart`. */
export interface SlowStartOptions {
  /** For how many milliseconds an endpoint warms up. Above 0. There is no default, as in Envoy: it depends on the servers. */
  readonly windowMs: number;
  /** The bend of the ramp: 1 is a straight line, more gives requests sooner, less later. Above 0, at most 100. Default 1, as in Envoy. */
  readonly aggression?: number | undefined;
  /** What part of its weight an endpoint has from the start, in per cent. From 0 to 100. Default 10, as in Envoy. */
  readonly minWeightPercent?: number | undefined;
}

/**
 * Gives an endpoint that is new, or that comes back after it was broken, few requests at first and more by and by, with
 * Envoy's arithmetic: for processes that are slow until their code is compiled and their caches are filled.
 *
 * While it warms up, an endpoint has max(`minWeightPercent`, (its age / `windowMs`)^(1 / `aggression`)) of its weight. That
 * is the most it gets: where `inner` gives it less, because it is slow, it gets less. Those of the first list are not new,
 * as far as this client knows, and one that was merely busy does not start again.
 *
 * It belongs directly around the balancer that chooses, within `byLocality`, `subset`, `byMetadata` and `sticky`. With
 * `maglev` and `ringHash` a request that a new endpoint may not have yet goes where its key would go without that endpoint.
 *
 * While nobody warms up a pick costs what it costs in `inner`. Else one that finds an endpoint which is not due asks
 * `inner` again, up to 16 times, and a thousand times in a window the weights are added up. Nothing is allocated.
 *
 * @throws ConfigError when `windowMs` is missing, or an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: slowStart(p2c(), { windowMs: 60_000 }) } });
 */
export function slowStart(inner: Balancer, options: SlowStartOptions): Balancer {
  if (typeof inner?.build !== 'function') throw new ConfigError('slowStart', 'around a balancer, such as p2c()', inner);
  knownKeys('slowStart', options, ['windowMs', 'aggression', 'minWeightPercent']);
  const aggression = options.aggression ?? 1;
  if (!(typeof aggression === 'number' && aggression > 0 && aggression <= 100))
    throw new ConfigError('slowStart.aggression', 'a number above 0 and at most 100', aggression);
  const shape: RampShape = {
    windowMs: durationMs('slowStart.windowMs', options.windowMs),
    aggression,
    minWeightPercent: numberIn('slowStart.minWeightPercent', options.minWeightPercent ?? 10, 0, 100),
  };
  return { name: `slowStart(${inner.name})`, build: (scope) => new SlowStartPicker(inner.build(scope), new Ramps(shape, scope), scope) };
}

/** Where all but a tenth of the endpoints have just started, one pick of thirty takes more. Whoever is met last then takes it early. */
const MAX_TRIES = 16;

/** Own copies: see lowest-cost.ts. */
const STRIDE = CELLS;
const PENDING = IN_FLIGHT;

class SlowStartPicker implements Picker {
  readonly settle?: NonNullable<Picker['settle']>;
  readonly allows?: NonNullable<Picker['allows']>;
  /** The cells of endpoints that were turned down during a pick, and what they had in flight. */
  private readonly marked = new Int32Array(MAX_TRIES);
  private readonly inFlight = new Float64Array(MAX_TRIES);

  constructor(
    private readonly inner: Picker,
    private readonly ramps: Ramps,
    private readonly scope: PickerScope,
  ) {
    if (inner.settle !== undefined) this.settle = inner.settle.bind(inner);
    if (inner.allows !== undefined) this.allows = inner.allows.bind(inner);
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { inner, ramps } = this;
    ramps.hasBegun = true;
    if (ramps.size === 0) return inner.pick(view, call, nowMs);
    ramps.advance(view, nowMs);
    const endpoint = inner.pick(view, call, nowMs);
    return endpoint === undefined || ramps.take(view, endpoint) ? endpoint : this.another(endpoint, view, call, nowMs);
  }

  close(): void {
    this.ramps.close();
    this.inner.close?.();
  }

  /**
   * Asks again for somebody who is due. Whoever was turned down looks infinitely busy for as long as this pick takes: else
   * a balancer that compares all endpoints, or one that goes by a key, would say the same again.
   */
  private another(first: Endpoint, view: PickableView, call: Call, nowMs: number): Endpoint {
    const { inner, ramps, marked, inFlight } = this;
    const { cells } = this.scope.view;
    let endpoint = first;
    let count = 0;
    try {
      for (let tries = 1; tries < MAX_TRIES; tries++) {
        const cell = endpoint.slot * STRIDE + PENDING;
        if (cells[cell] !== Number.POSITIVE_INFINITY) {
          marked[count] = cell;
          inFlight[count++] = cells[cell] as number;
          cells[cell] = Number.POSITIVE_INFINITY;
        }
        const next = inner.pick(view, call, nowMs);
        if (next === undefined) break;
        endpoint = next;
        if (ramps.take(view, endpoint)) return endpoint;
      }
    } finally {
      while (count-- > 0) cells[marked[count] as number] = inFlight[count] as number;
    }
    ramps.takeEarly(view, endpoint);
    return endpoint;
  }
}
