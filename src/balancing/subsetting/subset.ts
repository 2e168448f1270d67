import type { Call } from '../../core/call.js';
import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { ConfigError } from '../../core/errors.js';
import { knownKeys, wholeNumberIn } from '../../core/options-check.js';
import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { PartView } from '../locality/part-view.js';
import { ByHash, ByLots, type Preference } from './preference.js';

/** Options of `subset`. */
export interface SubsetOptions {
  /** How many endpoints this client uses at a time. From 1 to 10,000. Default 20. */
  readonly size?: number | undefined;
  /**
   * This client's number among all clients of the service, from 0 to 999,999: of a stateful set, the ordinal of its pod.
   * Clients numbered without gaps use every endpoint equally often. Only with `numberOf`. Default: unknown; then that is
   * left to chance.
   */
  readonly client?: number | undefined;
  /**
   * An endpoint's own number, from 0 to 99,999, which does not change with those of others, such as the ordinal of a pod.
   * Those without one (undefined, or out of bounds) stand behind the others by id, where each that comes or goes moves
   * all behind it. Only with `client`. Default: none have numbers, and `client` is of no use.
   */
  readonly numberOf?: ((instance: Instance) => number | undefined) | undefined;
  /**
   * What this client is called, the same after a restart. Not with `client`. Default: a name drawn by chance, another one
   * each time the balancer is built, so give one inside `byMetadata`, which builds it for each part.
   */
  readonly name?: string | undefined;
}

/**
 * Lets a balancer see only some of the endpoints, so that each client holds few connections and knows its endpoints
 * well: with 1,000 clients of 1,000 endpoints, 20,000 connections in place of a million.
 *
 * With `client` and `numberOf`, each endpoint is used by as many clients as any other, and of 1,000 endpoints one that
 * comes or goes changes 0.1 % of the connections (lots.ts). Without, endpoints are chosen by a hash of both names: as
 * little changes, and the number of clients of an endpoint varies as chance has it (8 to 36 where the mean is 20).
 *
 * The subset is of the first priority that has an endpoint to offer, and of those that can be picked: one that is shut
 * is replaced until it opens. A change of one endpoint costs log n and moving what stands behind it in a sorted list;
 * after changes the first pick chooses anew, for the work of `size` steps and one more for each that is shut.
 *
 * @throws ConfigError when an option is unknown, out of its range or at odds with another.
 * @example
 * createMesh({ discovery, defaults: { balancer: subset(p2c(), { size: 20, name: hostname() }) } });
 */
export function subset(inner: Balancer, options: SubsetOptions = {}): Balancer {
  if (typeof inner?.build !== 'function') throw new ConfigError('subset', 'around a balancer, such as p2c()', inner);
  knownKeys('subset', options, ['size', 'client', 'numberOf', 'name']);
  const { client, numberOf, name } = options;
  const size = wholeNumberIn('subset.size', options.size ?? 20, 1, 10_000);
  if (client !== undefined || numberOf !== undefined) {
    wholeNumberIn('subset.client', client, 0, 999_999);
    if (typeof numberOf !== 'function')
      throw new ConfigError('subset.numberOf', 'a function from an instance to its number, as subset.client is given', numberOf);
  }
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw new ConfigError('subset.name', 'a name that is not empty', name);
  if (name !== undefined && client !== undefined)
    throw new ConfigError('subset.name', 'left out where subset.client is given: it is one or the other', name);
  return {
    name: `subset(${inner.name})`,
    build(scope) {
      const called = name ?? String(scope.random.next());
      const prefer = (): Preference => (client === undefined || numberOf === undefined ? new ByHash(called) : new ByLots(client, numberOf));
      return new SubsetPicker(inner, size, prefer, scope);
    },
  };
}

class SubsetPicker implements Picker, ViewListener {
  private readonly part: PartView;
  private readonly picker: Picker;
  private readonly members = new Set<Endpoint>();
  private readonly preferences = new Map<number, Preference>();
  private readonly stopListening: () => void;
  private isStale = true;

  constructor(
    inner: Balancer,
    private readonly size: number,
    private readonly prefer: () => Preference,
    scope: PickerScope,
  ) {
    this.part = new PartView(scope.view);
    for (const endpoint of scope.view) this.added(endpoint);
    this.stopListening = scope.view.listen(this);
    this.picker = inner.build({ ...scope, view: this.part });
  }

  pick(_view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    if (this.isStale) this.choose();
    return this.picker.pick(this.part, call, nowMs);
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void {
    if (this.members.has(endpoint)) this.picker.settle?.(endpoint, verdict, latencyMs, call, nowMs, reply);
  }

  allows(endpoint: Endpoint, call: Call): boolean {
    if (this.isStale) this.choose();
    return this.members.has(endpoint) && this.picker.allows?.(endpoint, call) !== false;
  }

  close(): void {
    this.stopListening();
    this.picker.close?.();
  }

  added(endpoint: Endpoint): void {
    const { priority } = endpoint.instance;
    const preference = this.preferences.get(priority) ?? this.prefer();
    this.preferences.set(priority, preference);
    preference.add(endpoint);
    this.isStale = true;
  }

  removed(endpoint: Endpoint): void {
    if (this.members.delete(endpoint)) this.part.leave(endpoint);
    this.forget(endpoint, endpoint.instance);
  }

  changed(endpoint: Endpoint, before: Instance): void {
    if (this.members.has(endpoint)) this.part.change(endpoint, before);
    this.forget(endpoint, before);
    this.added(endpoint);
  }

  opened(): void {
    this.isStale = true;
  }

  shut(endpoint: Endpoint): void {
    if (!this.members.has(endpoint)) return;
    this.part.shut(endpoint);
    this.isStale = true;
  }

  tracked(endpoint: Endpoint, change: 1 | -1): void {
    if (this.members.has(endpoint)) this.part.track(endpoint, change);
  }

  private forget(endpoint: Endpoint, instance: Instance): void {
    const { priority } = instance;
    const preference = this.preferences.get(priority);
    preference?.remove(endpoint, instance);
    if (preference?.isEmpty) this.preferences.delete(priority);
    this.isStale = true;
  }

  private choose(): void {
    this.isStale = false;
    const { members, part } = this;
    const chosen = this.chosen();
    for (const endpoint of members) {
      if (chosen.has(endpoint)) continue;
      members.delete(endpoint);
      part.leave(endpoint);
    }
    for (const endpoint of chosen) {
      if (members.has(endpoint)) {
        part.open(endpoint);
      } else {
        members.add(endpoint);
        part.join(endpoint);
      }
    }
  }

  private chosen(): Set<Endpoint> {
    const chosen = new Set<Endpoint>();
    for (const priority of [...this.preferences.keys()].sort((one, other) => one - other)) {
      this.preferences.get(priority)?.walk((endpoint) => {
        if (endpoint.position >= 0) chosen.add(endpoint);
        return chosen.size === this.size;
      });
      if (chosen.size > 0) break;
    }
    return chosen;
  }
}
