import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { PickerScope } from '../../core/picker.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { type RampShape, rampFactor } from './ramp-factor.js';

/**
 * Which endpoints warm up, and when each of them may take its next request.
 *
 * The times are those of an earliest-deadline schedule, as Envoy's is: a clock that goes on by 1 / (the sum of all
 * weights) with each pick, on which an endpoint of the weight w is due every 1 / w. A weight that is ramped by the factor f
 * makes that 1 / (w f). So whoever is never picked before it is due has w f / (the sum) of the requests at most, whatever
 * the balancer within prefers. A coin thrown for each pick would not do: a cold endpoint has little in flight, so that a
 * choice of two offers it twice its share, and a comparison of all offers it every request.
 *
 * Only an endpoint whose factor is below that of the warmest is held back. Where all have just started, as after a
 * registry's list was empty, nobody is, and a slow one among them loses requests to the others as ever.
 */

/** How many requests one that was not asked for may be behind. Fewer, and a balancer that draws by chance gives it less than its share. */
const MAX_BEHIND = 8;

/** How often in a window factors and sums are made anew, if picks come as often: of a tenth, a hundredth is missing at most. */
const UPDATES = 1_000;

/** Below this part of the warmest one's factor an endpoint is held back. */
const AS_WARM = 0.95;

class Ramp {
  /** Of the schedule's time. */
  due: number;
  /** What part of its weight the endpoint has. */
  factor: number;

  constructor(
    readonly endpoint: Endpoint,
    readonly startMs: number,
    due: number,
    factor: number,
  ) {
    this.due = due;
    this.factor = factor;
  }
}

export class Ramps implements ViewListener {
  /** Whether a request was ever sent: those that are there before are not new, since nobody is warmer. */
  hasBegun = false;
  /** How many endpoints warm up, those that cannot be picked included. */
  size = 0;
  private readonly bySlot: (Ramp | undefined)[] = [];
  private readonly all = new Set<Ramp>();
  private readonly broken = new Set<Endpoint>();
  private readonly stopListening: () => void;
  private readonly leastFactor: number;
  /** The schedule's time. */
  private time = 0;
  private updateAtMs = Number.NEGATIVE_INFINITY;
  /** The mean weight of the endpoints that can be picked. */
  private meanWeight = 1;
  /** How much of their weights together is still missing. */
  private lacking = 0;
  /** The largest factor among them. */
  private warmest = 1;

  constructor(
    private readonly shape: RampShape,
    private readonly scope: PickerScope,
  ) {
    this.leastFactor = rampFactor(shape, 0);
    this.stopListening = scope.view.listen(this);
  }

  /** A request is about to be sent. */
  advance(view: PickableView, nowMs: number): void {
    if (nowMs >= this.updateAtMs) this.update(view, nowMs);
    const weight = this.meanWeight * view.count;
    // The sum of what is missing may be of a moment when there were more endpoints to pick from.
    if (weight > 0) this.time += 1 / Math.max(weight - this.lacking, weight * this.leastFactor);
  }

  /** Whether the endpoint may take the request that is about to be sent; if so, it has taken it. */
  take(view: PickableView, { slot }: Endpoint): boolean {
    const ramp = this.bySlot[slot];
    if (ramp === undefined) return true;
    const { factor } = ramp;
    if (factor >= this.warmest * AS_WARM) return true;
    if (this.time < ramp.due) return false;
    const interval = 1 / ((view.weights[slot] as number) * factor);
    ramp.due = Math.max(ramp.due, this.time - MAX_BEHIND * interval) + interval;
    return true;
  }

  /** The endpoint takes a request that it was not due for: so it is due later. */
  takeEarly(view: PickableView, { slot }: Endpoint): void {
    const ramp = this.bySlot[slot];
    if (ramp !== undefined) ramp.due += 1 / ((view.weights[slot] as number) * ramp.factor);
  }

  close(): void {
    this.stopListening();
  }

  added(endpoint: Endpoint): void {
    if (this.hasBegun) this.start(endpoint);
  }

  removed(endpoint: Endpoint): void {
    this.broken.delete(endpoint);
    this.end(endpoint.slot);
  }

  shut(endpoint: Endpoint): void {
    this.noteIfBroken(endpoint);
  }

  opened(endpoint: Endpoint): void {
    if (this.broken.delete(endpoint)) this.start(endpoint);
  }

  /** A busy one that breaks as well is not shut once more, so nobody tells of it. */
  tracked(endpoint: Endpoint, change: 1 | -1): void {
    if (change === -1 && endpoint.position < 0) this.noteIfBroken(endpoint);
  }

  private noteIfBroken(endpoint: Endpoint): void {
    if (endpoint.shutGates <= endpoint.busyGates) return;
    this.broken.add(endpoint);
    this.end(endpoint.slot);
  }

  private start(endpoint: Endpoint): void {
    const { slot, instance } = endpoint;
    this.end(slot);
    // Not all clients send their first request at once.
    const due = this.time + this.scope.random.next() / (instance.weight * this.leastFactor);
    const ramp = new Ramp(endpoint, this.scope.clock.now(), due, this.leastFactor);
    this.bySlot[slot] = ramp;
    this.all.add(ramp);
    this.size = this.all.size;
    this.updateAtMs = Number.NEGATIVE_INFINITY;
  }

  private end(slot: number): void {
    const ramp = this.bySlot[slot];
    if (ramp === undefined) return;
    this.bySlot[slot] = undefined;
    this.all.delete(ramp);
    this.size = this.all.size;
    this.updateAtMs = Number.NEGATIVE_INFINITY;
  }

  private update(view: PickableView, nowMs: number): void {
    const { shape } = this;
    const { weights, slots, count } = view;
    let lacking = 0;
    let warmest = 0;
    let warming = 0;
    for (const ramp of this.all) {
      const { slot } = ramp.endpoint;
      const ageMs = nowMs - ramp.startMs;
      ramp.factor = rampFactor(shape, ageMs);
      if (ageMs >= shape.windowMs) {
        this.end(slot);
      } else if (view.offers(ramp.endpoint)) {
        lacking += (1 - ramp.factor) * (weights[slot] as number);
        warmest = Math.max(warmest, ramp.factor);
        warming++;
      }
    }
    this.updateAtMs = nowMs + shape.windowMs / UPDATES;
    this.lacking = lacking;
    this.warmest = count > warming ? 1 : warmest;
    if (count === 0) return;
    let sum = 0;
    for (let place = 0; place < count && !view.uniform; place++) sum += weights[slots[place] as number] as number;
    this.meanWeight = view.uniform ? (weights[slots[0] as number] as number) : sum / count;
  }
}
