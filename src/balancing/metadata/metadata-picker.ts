import type { Call } from '../../core/call.js';
import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { Reply } from '../../core/reply.js';
import type { Verdict } from '../../core/verdict.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { type Combination, Combinations, type Values } from './combinations.js';
import { MetadataPart } from './metadata-part.js';
import type { ValueReader } from './wanted-value.js';

/** Nowhere, to any endpoint, or to those that have these values. */
export type MetadataFallback = 'none' | 'any' | Values;

/** The options of `byMetadata`, checked. */
export interface MetadataSettings {
  readonly keys: readonly string[];
  /** What a call wants, by key in the same order. */
  readonly readers: readonly ValueReader[];
  readonly fallback: MetadataFallback;
  readonly maxParts: number;
}

/** The picker of `byMetadata`: finds the part that a call wants, and has that part's picker pick. */
export class MetadataPicker implements Picker, ViewListener {
  private readonly combinations: Combinations<MetadataPart>;
  private readonly parts = new Set<MetadataPart>();
  /** By slot: the parts that the endpoint belongs to. */
  private readonly homes: (readonly MetadataPart[] | undefined)[] = [];
  /** What the present call wants. */
  private readonly wanted: (string | undefined)[];
  private readonly everybody: Picker | undefined;
  private readonly stopListening: () => void;
  private uses = 0;

  constructor(
    private readonly settings: MetadataSettings,
    private readonly inner: Balancer,
    private readonly scope: PickerScope,
  ) {
    this.combinations = new Combinations(settings.keys.length);
    this.wanted = settings.keys.map(() => undefined);
    for (const endpoint of scope.view) this.added(endpoint);
    this.stopListening = scope.view.listen(this);
    this.everybody = settings.fallback === 'any' ? inner.build(scope) : undefined;
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const part = this.partFor(call);
    if (part !== undefined) return part.picker.pick(part.view, call, nowMs);
    return this.everybody?.pick(view, call, nowMs);
  }

  /** Each attempt is told to one picker, since they share what they note in the cells. */
  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, call: Call, nowMs: number, reply: Reply | undefined): void {
    const { fallback } = this.settings;
    let part = this.isWanted(call) ? this.combinations.find(this.wanted)?.part : undefined;
    if (part?.view.has(endpoint) !== true) part = typeof fallback === 'string' ? undefined : this.combinations.find(fallback)?.part;
    const picker = part?.view.has(endpoint) === true ? part.picker : this.everybody;
    picker?.settle?.(endpoint, verdict, latencyMs, call, nowMs, reply);
  }

  allows(endpoint: Endpoint, call: Call): boolean {
    const part = this.partFor(call);
    if (part !== undefined) return part.view.has(endpoint) && part.picker.allows?.(endpoint, call) !== false;
    return this.everybody !== undefined && this.everybody.allows?.(endpoint, call) !== false;
  }

  close(): void {
    this.stopListening();
    for (const part of this.parts) part.close();
    this.everybody?.close?.();
  }

  added(endpoint: Endpoint): void {
    this.enter(endpoint, this.valuesOf(endpoint.instance));
  }

  removed(endpoint: Endpoint): void {
    this.exit(endpoint, this.valuesOf(endpoint.instance), endpoint.instance);
  }

  changed(endpoint: Endpoint, before: Instance): void {
    const was = this.valuesOf(before);
    const is = this.valuesOf(endpoint.instance);
    if (was.every((value, index) => value === is[index])) {
      for (const { view } of this.homes[endpoint.slot] ?? []) view.change(endpoint, before);
    } else {
      this.exit(endpoint, was, before);
      this.enter(endpoint, is);
    }
  }

  opened(endpoint: Endpoint): void {
    for (const { view } of this.homes[endpoint.slot] ?? []) view.open(endpoint);
  }

  shut(endpoint: Endpoint): void {
    for (const { view } of this.homes[endpoint.slot] ?? []) view.close(endpoint);
  }

  tracked(endpoint: Endpoint, change: 1 | -1): void {
    const homes = this.homes[endpoint.slot];
    if (homes === undefined) return;
    for (let index = 0; index < homes.length; index++) homes[index]?.view.track(endpoint, change);
  }

  /** The part that the call is picked from, or undefined where that is everybody or nobody. */
  private partFor(call: Call): MetadataPart | undefined {
    const { fallback } = this.settings;
    const part = this.isWanted(call) ? this.partOf(this.wanted) : undefined;
    return part === undefined && typeof fallback !== 'string' ? this.partOf(fallback) : part;
  }

  /** Whether the call wants anything; what, stands in `wanted`. */
  private isWanted(call: Call): boolean {
    const { readers } = this.settings;
    const { wanted } = this;
    let any = false;
    for (let index = 0; index < readers.length; index++) {
      const value = (readers[index] as ValueReader)(call);
      wanted[index] = value;
      if (value !== undefined) any = true;
    }
    return any;
  }

  /** The part with these values, if it has an endpoint to pick. */
  private partOf(values: Values): MetadataPart | undefined {
    const combination = this.combinations.find(values);
    if (combination === undefined) return undefined;
    const part = combination.part ?? this.make(values, combination);
    part.lastUse = ++this.uses;
    return part.view.count > 0 ? part : undefined;
  }

  private make(values: Values, combination: Combination<MetadataPart>): MetadataPart {
    const part = new MetadataPart(combination, this.inner, this.scope);
    if (this.parts.size >= this.settings.maxParts) this.forgetOne();
    this.parts.add(part);
    combination.part = part;
    for (const endpoint of this.scope.view) {
      const has = this.valuesOf(endpoint.instance);
      if (values.every((value, index) => value === undefined || value === has[index])) this.join(endpoint, part);
    }
    return part;
  }

  private forgetOne(): void {
    let oldest: MetadataPart | undefined;
    for (const part of this.parts) if (oldest === undefined || part.lastUse < oldest.lastUse) oldest = part;
    if (oldest === undefined) return;
    for (const endpoint of oldest.view) this.leaveHome(endpoint, oldest);
    this.drop(oldest);
  }

  private drop(part: MetadataPart): void {
    this.parts.delete(part);
    part.combination.part = undefined;
    part.close();
  }

  private enter(endpoint: Endpoint, values: Values): void {
    this.combinations.add(values, ({ part }) => {
      if (part !== undefined) this.join(endpoint, part);
    });
  }

  private exit(endpoint: Endpoint, values: Values, instance: Instance): void {
    this.combinations.remove(values, ({ size, part }) => {
      if (part === undefined) return;
      part.view.leave(endpoint, instance);
      this.leaveHome(endpoint, part);
      if (size === 0) this.drop(part);
    });
  }

  private join(endpoint: Endpoint, part: MetadataPart): void {
    this.homes[endpoint.slot] = [...(this.homes[endpoint.slot] ?? []), part];
    part.view.join(endpoint);
  }

  private leaveHome({ slot }: Endpoint, part: MetadataPart): void {
    const left = this.homes[slot]?.filter((each) => each !== part) ?? [];
    this.homes[slot] = left.length > 0 ? left : undefined;
  }

  private valuesOf({ metadata }: Instance): Values {
    return this.settings.keys.map((key) => (Object.hasOwn(metadata, key) ? metadata[key] : undefined));
  }
}
