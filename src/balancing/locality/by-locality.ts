import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { ConfigError } from '../../core/errors.js';
import { knownKeys, numberIn, wholeNumberIn } from '../../core/options-check.js';
import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import { Parts, type Sorting } from './parts.js';
import { type Route, type RouteSettings, routesOf } from './routes.js';

/** Options of `byLocality`. */
export interface LocalityOptions {
  /** The zone that this process runs in. Requests stay there as far as it has room. Default: zones do not matter. Not with `weights`. */
  readonly zone?: string | undefined;
  /**
   * How many clients of the service run in each zone, this one's included: any measure of how much they ask for, at
   * least 0, above 0 for `zone`. Default: the same in every zone. Only with `zone`.
   */
  readonly clients?: Readonly<Record<string, number>> | undefined;
  /**
   * What share of the requests each zone gets, relative to the others', at every priority: at least 0, one of them above
   * 0. A zone without one gets nothing as long as another can take it. Default: zones do not matter. Not with `zone`.
   */
  readonly weights?: Readonly<Record<string, number>> | undefined;
  /** How much more than its part a priority or a zone can take. From 1 to 10. Default 1.4: whole down to 71.4 %. */
  readonly overprovisioning?: number | undefined;
  /** Below what part of its endpoints a priority is in panic and its zones do not matter. From 0 (never) to 1. Default 0.5. */
  readonly panicRatio?: number | undefined;
  /** With fewer endpoints to pick from at the first priority, `zone` does not matter. From 0 to 1,000,000. Default 6. */
  readonly minEndpoints?: number | undefined;
  /**
   * Only endpoints whose metadata say `environment` with this value are ever picked, retries and panic included; one that
   * says nothing is not. Default: all are. A call that names its endpoint gets it all the same.
   */
  readonly environment?: string | undefined;
}

const OPTIONS = ['zone', 'clients', 'weights', 'overprovisioning', 'panicRatio', 'minEndpoints', 'environment'];

/**
 * Puts priorities and zones around a balancer, with Envoy's arithmetic: requests go on to the next priority gently, as
 * the first loses more than it can spare; and within the first they stay in the client's own zone, as long as every
 * endpoint of all zones still gets its part.
 *
 * A pick draws the part of the endpoints from one random number, and `inner` picks within it; with a single part
 * nothing is drawn. A change of one endpoint costs work for one. The shares are calculated anew at the first pick after
 * changes, from counts: work for the priorities and zones there are, not for their endpoints.
 *
 * @throws ConfigError when an option is unknown, out of its range or at odds with another.
 * @example
 * createMesh({ discovery, defaults: { balancer: byLocality(p2c(), { zone: 'eu-west-1a', environment: 'production' }) } });
 */
export function byLocality(inner: Balancer, options: LocalityOptions = {}): Balancer {
  if (typeof inner?.build !== 'function') throw new ConfigError('byLocality', 'around a balancer, such as p2c()', inner);
  knownKeys('byLocality', options, OPTIONS);
  const { environment } = options;
  if (environment !== undefined) name('byLocality.environment', environment);
  const settings = checked(options);
  const sorting: Sorting = {
    byZone: settings.zone !== undefined || settings.weights !== undefined,
    admits: ({ metadata }) => environment === undefined || metadata.environment === environment,
  };
  return {
    name: `byLocality(${inner.name})`,
    build: (scope) => new LocalityPicker(new Parts(sorting, inner, scope), settings, scope),
  };
}

class LocalityPicker implements Picker {
  private routes: readonly Route[] = [];
  /** Up to where a random number means which route. */
  private bounds = new Float64Array(0);

  constructor(
    private readonly parts: Parts,
    private readonly settings: RouteSettings,
    private readonly scope: PickerScope,
  ) {}

  pick(_view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    if (this.parts.changedSince) this.calculate();
    const { routes } = this;
    const part = routes[routes.length > 1 ? this.draw() : 0]?.part;
    return part?.picker.pick(part.view, call, nowMs);
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void {
    this.parts.partOf(endpoint)?.picker.settle?.(endpoint, verdict, latencyMs, call, nowMs, reply);
  }

  allows(endpoint: Endpoint, call: Call): boolean {
    return this.parts.partOf(endpoint)?.allows(endpoint, call) === true;
  }

  close(): void {
    this.parts.close();
    this.routes = [];
  }

  private draw(): number {
    const { bounds } = this;
    const drawn = this.scope.random.next();
    let index = 0;
    // The last bound is not looked at: a sum of shares may come out a hair below 1.
    while (index < bounds.length - 1 && drawn >= (bounds[index] as number)) index++;
    return index;
  }

  private calculate(): void {
    this.parts.changedSince = false;
    this.routes = routesOf(this.parts.levels, this.settings);
    const whole = this.routes.reduce((sum, { share }) => sum + share, 0);
    let bound = 0;
    this.bounds = Float64Array.from(this.routes, ({ share }) => {
      bound += share / whole;
      return bound;
    });
  }
}

function checked(options: LocalityOptions): RouteSettings {
  const { zone } = options;
  if (zone !== undefined) name('byLocality.zone', zone);
  if (zone !== undefined && options.weights !== undefined)
    throw new ConfigError('byLocality.weights', 'left out where byLocality.zone is given: it is one or the other', options.weights);
  if (zone === undefined && options.clients !== undefined)
    throw new ConfigError('byLocality.clients', 'left out where byLocality.zone is not given', options.clients);
  const clients = numbersByZone('byLocality.clients', options.clients);
  if (zone !== undefined && clients !== undefined && !((clients.get(zone) ?? 0) > 0))
    throw new ConfigError(`byLocality.clients.${zone}`, 'a number above 0, as this client runs there', clients.get(zone));
  const weights = numbersByZone('byLocality.weights', options.weights);
  return {
    zone,
    clients,
    weights,
    overprovisioning: numberIn('byLocality.overprovisioning', options.overprovisioning ?? 1.4, 1, 10),
    panicRatio: numberIn('byLocality.panicRatio', options.panicRatio ?? 0.5, 0, 1),
    minEndpoints: wholeNumberIn('byLocality.minEndpoints', options.minEndpoints ?? 6, 0, 1_000_000),
  };
}

function name(path: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw new ConfigError(path, 'a name that is not empty', value);
}

function numbersByZone(path: string, value: unknown): Map<string, number> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError(path, 'an object of numbers by zone', value);
  const numbers = new Map(Object.entries(value).map(([zone, number]) => [zone, numberIn(`${path}.${zone}`, number, 0, Number.MAX_VALUE)]));
  if (![...numbers.values()].some((number) => number > 0)) throw new ConfigError(path, 'an object with a number above 0', value);
  return numbers;
}
