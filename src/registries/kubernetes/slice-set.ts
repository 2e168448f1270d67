import type { InstanceInput } from '../../core/discovery.js';
import type { ParsedSlice, SliceEndpoint } from './endpoint-slice.js';

/**
 * The slices of one service, joined.
 *
 * A service has a slice for each hundred of its endpoints and each address family; an endpoint may be in two of them
 * while it moves from one to the other, and a pod with two addresses is one instance and not two. Which endpoints are
 * called also depends on all of them: those that shut down serve only where none is ready, and hints count only where
 * every endpoint has some (the rules of kube-proxy, so that a mesh and a cluster address choose alike).
 *
 * A change of one slice costs work for that slice alone, but for the moment in which one of those rules tips over.
 */

/** What a change of a slice amounts to. */
export interface InstanceChange {
  readonly upsert: InstanceInput[];
  readonly remove: string[];
}

/** What one slice says about an endpoint. */
interface Said {
  readonly slice: string;
  readonly endpoint: SliceEndpoint;
}

/** One endpoint over all slices that name it. */
interface Joined {
  /** What each slice says about it. Hardly ever more than two. */
  said: readonly Said[];
  best: SliceEndpoint | undefined;
  /** What was passed on; undefined while it is not to be called. */
  published: SliceEndpoint['instance'] | undefined;
}

/** Which endpoints are called: those in this state, and only those hinted for our zone where there are hints to go by. */
interface Rule {
  readonly state: SliceEndpoint['state'];
  readonly byHint: boolean;
}

interface Count {
  all: number;
  ours: number;
  unhinted: number;
}

export class SliceSet {
  private readonly slices = new Map<string, ParsedSlice>();
  private readonly joined = new Map<string, Joined>();
  private readonly counts: Record<SliceEndpoint['state'], Count> = {
    ready: { all: 0, ours: 0, unhinted: 0 },
    draining: { all: 0, ours: 0, unhinted: 0 },
  };
  private rule: Rule = { state: 'ready', byHint: false };

  /** How many slices there are. */
  get size(): number {
    return this.slices.size;
  }

  get(name: string): ParsedSlice | undefined {
    return this.slices.get(name);
  }

  /** All instances that are to be called. */
  instances(): InstanceInput[] {
    const instances: InstanceInput[] = [];
    for (const { published } of this.joined.values()) if (published !== undefined) instances.push(published);
    return instances;
  }

  /** Takes in what a slice says now. */
  put(slice: ParsedSlice): InstanceChange {
    const before = this.slices.get(slice.name)?.endpoints;
    this.slices.set(slice.name, slice);
    return this.change(slice.name, before, slice.endpoints);
  }

  /** A slice is gone. */
  delete(name: string): InstanceChange {
    const before = this.slices.get(name)?.endpoints;
    this.slices.delete(name);
    return this.change(name, before, undefined);
  }

  private change(name: string, before: ParsedSlice['endpoints'] | undefined, after: ParsedSlice['endpoints'] | undefined): InstanceChange {
    const affected: string[] = [];
    if (before !== undefined) {
      for (const key of before.keys()) {
        if (after?.has(key) === true) continue;
        this.say(name, key, undefined);
        affected.push(key);
      }
    }
    if (after !== undefined) {
      for (const [key, endpoint] of after) {
        const known = before?.get(key);
        if (known !== undefined && sameEndpoint(known, endpoint)) {
          // A slice comes whole however little of it changed: what it repeats stays the object that is old already.
          after.set(key, known);
          continue;
        }
        this.say(name, key, endpoint);
        affected.push(key);
      }
    }
    const rule = this.currentRule();
    if (rule.state === this.rule.state && rule.byHint === this.rule.byHint) return this.publish(affected);
    this.rule = rule;
    return this.publish([...this.joined.keys()]);
  }

  /** A slice says something about an endpoint, or nothing any more. */
  private say(slice: string, key: string, endpoint: SliceEndpoint | undefined): void {
    let joined = this.joined.get(key);
    if (joined === undefined) {
      joined = { said: [], best: undefined, published: undefined };
      this.joined.set(key, joined);
    }
    const others = joined.said.filter((each) => each.slice !== slice);
    joined.said = endpoint === undefined ? others : [...others, { slice, endpoint }];
    this.count(joined.best, -1);
    joined.best = joined.said.reduce<Said | undefined>(better, undefined)?.endpoint;
    this.count(joined.best, 1);
  }

  private count(endpoint: SliceEndpoint | undefined, by: 1 | -1): void {
    if (endpoint === undefined) return;
    const count = this.counts[endpoint.state];
    count.all += by;
    if (endpoint.hint === 'ours') count.ours += by;
    if (endpoint.hint === 'none') count.unhinted += by;
  }

  private currentRule(): Rule {
    const state = this.counts.ready.all > 0 ? 'ready' : 'draining';
    const { ours, unhinted } = this.counts[state];
    return { state, byHint: ours > 0 && unhinted === 0 };
  }

  private publish(keys: readonly string[]): InstanceChange {
    const change: InstanceChange = { upsert: [], remove: [] };
    const { state, byHint } = this.rule;
    for (const key of keys) {
      const joined = this.joined.get(key);
      if (joined === undefined) continue;
      const { best, published } = joined;
      const wanted = best !== undefined && best.state === state && (!byHint || best.hint === 'ours') ? best.instance : undefined;
      if (wanted !== undefined && (published === undefined || !sameInstance(published, wanted))) change.upsert.push(wanted);
      if (wanted === undefined && published !== undefined) change.remove.push(published.id);
      joined.published = wanted;
      if (best === undefined) this.joined.delete(key);
    }
    return change;
  }
}

/** Ready before shutting down, then the preferred family, then by name: what came first must not matter. */
function better(one: Said | undefined, other: Said): Said {
  if (one === undefined) return other;
  if (one.endpoint.state !== other.endpoint.state) return one.endpoint.state === 'ready' ? one : other;
  if (one.endpoint.familyRank !== other.endpoint.familyRank) return one.endpoint.familyRank < other.endpoint.familyRank ? one : other;
  return one.slice <= other.slice ? one : other;
}

function sameEndpoint(one: SliceEndpoint, other: SliceEndpoint): boolean {
  return (
    one.state === other.state &&
    one.hint === other.hint &&
    one.familyRank === other.familyRank &&
    sameInstance(one.instance, other.instance)
  );
}

function sameInstance(one: SliceEndpoint['instance'], other: SliceEndpoint['instance']): boolean {
  return (
    one.url === other.url &&
    one.id === other.id &&
    one.zone === other.zone &&
    one.metadata?.pod === other.metadata?.pod &&
    one.metadata?.node === other.metadata?.node
  );
}
