import type { InstanceInput } from '../core/discovery.js';
import { Endpoint, type Instance } from '../core/endpoint.js';
import type { EndpointView } from '../core/endpoint-view.js';
import { idOfEntry, likelyId, parseInstance, sameAddress, saysTheSame } from './instance.js';

/**
 * The endpoints of a service by identity: where lists and changes meet the endpoints that are there already.
 *
 * An endpoint is the same as long as its id and its address are. It then keeps its statistics, connections and
 * breaker, and what else a registry says about it is changed in place. An entry that says nothing new costs a
 * look into a map and a few comparisons, so that a refresh of ten thousand endpoints builds nothing.
 */

/** Who is told what happens to the list. */
export interface ListObserver {
  added(endpoint: Endpoint): void;
  removed(endpoint: Endpoint): void;
  /** A removed endpoint has nothing in flight any more. */
  retired(endpoint: Endpoint): void;
  /** An entry cannot be used. */
  skipped(input: InstanceInput, reason: string): void;
}

/** An endpoint, and what is remembered of the entry that it was made from. */
interface Member {
  readonly endpoint: Endpoint;
  /** The URL as the source wrote it. */
  url: string;
  /** The change that named it last. */
  namedIn: number;
}

export class EndpointList {
  private readonly members = new Map<string, Member>();
  /** Removed endpoints with something in flight, in case they come back. */
  private readonly draining = new Set<Endpoint>();
  private change = 0;
  /** Endpoints that the change under way has named so far. */
  named = 0;
  /** Counts what was different so far. */
  revision = 0;

  constructor(
    private readonly view: EndpointView,
    private readonly observer: ListObserver,
  ) {}

  get size(): number {
    return this.members.size;
  }

  /** Removed endpoints that still have something in flight. */
  get drainingCount(): number {
    return this.draining.size;
  }

  get(id: string): Endpoint | undefined {
    return this.members.get(id)?.endpoint;
  }

  ids(): Iterable<string> {
    return this.members.keys();
  }

  /** Begins to apply a list or a change: `named` and `unnamed` are about what comes after this. */
  begin(): void {
    this.change++;
    this.named = 0;
  }

  /** Takes in what a source says about one endpoint. Returns its id, or undefined for an entry that cannot be used. */
  upsert(input: InstanceInput): string | undefined {
    // Most entries of most lists are known word for word: those cost no parsing.
    const guess = likelyId(input);
    const known = guess === undefined ? undefined : this.members.get(guess);
    if (known !== undefined && saysTheSame(known.endpoint, known.url, input)) {
      this.name(known);
      return guess;
    }
    let instance: Instance;
    try {
      instance = parseInstance(input);
      this.refuseDouble(instance);
    } catch (error) {
      this.observer.skipped(input, error instanceof Error ? error.message : String(error));
      return undefined;
    }
    this.apply(instance, typeof input === 'string' ? input : input.url);
    return instance.id;
  }

  /** Takes the endpoint out that an unusable entry was about: what cannot be sent to is as good as gone. */
  removeUnusable(input: InstanceInput): void {
    const id = idOfEntry(input);
    if (id !== undefined && this.members.get(id)?.namedIn !== this.change) this.remove(id);
  }

  /** The ids that the change under way has not named. */
  unnamed(): string[] {
    if (this.named === this.members.size) return [];
    const ids: string[] = [];
    for (const [id, { namedIn }] of this.members) if (namedIn !== this.change) ids.push(id);
    return ids;
  }

  /** Takes an endpoint out: at once for balancing, and for good when nothing is in flight any more. */
  remove(id: string): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    this.members.delete(id);
    this.revision++;
    const { endpoint } = member;
    this.view.remove(endpoint);
    this.observer.removed(endpoint);
    this.drain(endpoint);
  }

  /** Two instances of one id would take turns with every list. The first is as good as the second. */
  private refuseDouble(instance: Instance): void {
    const member = this.members.get(instance.id);
    if (member?.namedIn !== this.change || sameAddress(member.endpoint.instance, instance)) return;
    throw new Error(`the list has another instance with the id '${instance.id}'`);
  }

  private apply(instance: Instance, url: string): void {
    const { id } = instance;
    const member = this.members.get(id);
    this.revision++;
    if (member !== undefined && sameAddress(member.endpoint.instance, instance)) {
      const { endpoint } = member;
      this.view.change(endpoint, instance);
      member.url = url;
      this.name(member);
      return;
    }
    // The id may have moved to another address; what was at the old one drains.
    this.remove(id);
    const endpoint = this.revive(instance) ?? new Endpoint(instance);
    endpoint.instance = instance;
    this.named++;
    this.members.set(id, { endpoint, url, namedIn: this.change });
    this.view.add(endpoint);
    this.observer.added(endpoint);
  }

  private name(member: Member): void {
    if (member.namedIn === this.change) return;
    member.namedIn = this.change;
    this.named++;
  }

  /** The last attempt in flight calls `onIdle`; with none in flight there is nobody to call it. */
  private drain(endpoint: Endpoint): void {
    if (endpoint.inFlight === 0) {
      this.observer.retired(endpoint);
      return;
    }
    this.draining.add(endpoint);
    endpoint.onIdle = () => {
      endpoint.onIdle = undefined;
      this.draining.delete(endpoint);
      this.observer.retired(endpoint);
    };
  }

  /** An endpoint that comes back before it was idle was never really gone: its breaker and connections are still right. */
  private revive(instance: Instance): Endpoint | undefined {
    for (const endpoint of this.draining) {
      if (endpoint.id !== instance.id || !sameAddress(endpoint.instance, instance)) continue;
      endpoint.onIdle = undefined;
      this.draining.delete(endpoint);
      return endpoint;
    }
    return undefined;
  }
}
