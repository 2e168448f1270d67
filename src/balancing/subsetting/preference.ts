import type { Endpoint, Instance } from '../../core/endpoint.js';
import { hashText } from '../hashing/hash.js';
import { LotWalk } from './lots.js';

/**
 * In what order a client prefers the endpoints of one priority. It depends on the client and on the endpoints there
 * are, and not on what happened before, so that a client that was restarted comes back to the same ones.
 */
export interface Preference {
  /** Whether there is no endpoint. */
  readonly isEmpty: boolean;
  add(endpoint: Endpoint): void;
  /** `instance` is what was said of the endpoint while it was in. */
  remove(endpoint: Endpoint, instance: Instance): void;
  /** Visits the endpoints, the most preferred first, until `visit` says that it was enough. */
  walk(visit: (endpoint: Endpoint) => boolean): void;
}

/** A list that stays sorted; a change takes log n comparisons and moves what stands behind it. */
class SortedEndpoints<Key> {
  readonly endpoints: Endpoint[] = [];
  private readonly keys: Key[] = [];

  constructor(private readonly isBefore: (one: Key, other: Key) => boolean) {}

  add(endpoint: Endpoint, key: Key): void {
    const index = this.indexOf(key);
    this.endpoints.splice(index, 0, endpoint);
    this.keys.splice(index, 0, key);
  }

  remove(endpoint: Endpoint, key: Key): void {
    for (let index = this.indexOf(key); index < this.endpoints.length; index++) {
      if (this.endpoints[index] !== endpoint) continue;
      this.endpoints.splice(index, 1);
      this.keys.splice(index, 1);
      return;
    }
  }

  private indexOf(key: Key): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.isBefore(this.keys[middle] as Key, key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * By a hash of the client's name and the endpoint's (rendezvous hashing; gRFC A68 makes subsets of it). An endpoint that
 * comes or goes changes one connection of a client, and how many clients an endpoint gets is a matter of chance.
 */
export class ByHash implements Preference {
  private readonly sorted = new SortedEndpoints<number>((one, other) => one < other);
  private readonly hash = new Int32Array(2);

  constructor(private readonly client: string) {}

  get isEmpty(): boolean {
    return this.sorted.endpoints.length === 0;
  }

  add(endpoint: Endpoint): void {
    this.sorted.add(endpoint, this.scoreOf(endpoint.id));
  }

  remove(endpoint: Endpoint): void {
    this.sorted.remove(endpoint, this.scoreOf(endpoint.id));
  }

  walk(visit: (endpoint: Endpoint) => boolean): void {
    for (const endpoint of this.sorted.endpoints) if (visit(endpoint)) return;
  }

  private scoreOf(id: string): number {
    const text = `${this.client} ${id}`;
    hashText(text, 0, text.length, 0, this.hash);
    // 53 bits of the 64 are as much as a number holds.
    return ((this.hash[0] as number) >>> 0) * 2 ** 21 + ((this.hash[1] as number) >>> 11);
  }
}

/**
 * By the walk of the client with this number over the endpoints (lots.ts): those that have a number at their number,
 * and the others behind them, in the order of their ids.
 */
export class ByLots implements Preference {
  private readonly numbered: (Endpoint[] | undefined)[] = [];
  private readonly others = new SortedEndpoints<string>(isShorterOrBefore);
  private readonly lots: LotWalk;

  constructor(
    client: number,
    private readonly numberOf: (instance: Instance) => number | undefined,
  ) {
    this.lots = new LotWalk(client);
  }

  get isEmpty(): boolean {
    return this.numbered.length + this.others.endpoints.length === 0;
  }

  add(endpoint: Endpoint): void {
    const number = this.placeOf(endpoint.instance);
    if (number === undefined) this.others.add(endpoint, endpoint.id);
    // While an instance is replaced there may be two of its number.
    else this.numbered[number] = [...(this.numbered[number] ?? []), endpoint];
  }

  remove(endpoint: Endpoint, instance: Instance): void {
    const number = this.placeOf(instance);
    if (number === undefined) {
      this.others.remove(endpoint, endpoint.id);
      return;
    }
    const left = this.numbered[number]?.filter((each) => each !== endpoint) ?? [];
    this.numbered[number] = left.length > 0 ? left : undefined;
    while (this.numbered.length > 0 && this.numbered.at(-1) === undefined) this.numbered.pop();
  }

  walk(visit: (endpoint: Endpoint) => boolean): void {
    const { numbered, others } = this;
    this.lots.over(numbered.length + others.endpoints.length, (place) => {
      if (place >= numbered.length) return visit(others.endpoints[place - numbered.length] as Endpoint);
      return numbered[place]?.some(visit) === true;
    });
  }

  private placeOf(instance: Instance): number | undefined {
    const number = this.numberOf(instance);
    return Number.isInteger(number) && (number as number) >= 0 && (number as number) <= MAX_NUMBER ? number : undefined;
  }
}

/** A walk may have to pass over all the numbers that nobody has. */
const MAX_NUMBER = 99_999;

/** users-9 before users-10. */
function isShorterOrBefore(one: string, other: string): boolean {
  return one.length < other.length || (one.length === other.length && one < other);
}
