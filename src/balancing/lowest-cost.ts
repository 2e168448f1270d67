import type { Call } from '../core/call.js';
import type { Endpoint } from '../core/endpoint.js';
import { CELLS, IN_FLIGHT, type PickableView } from '../core/endpoint-view.js';
import type { Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';
import type { Verdict } from '../core/verdict.js';
import type { LoadMeasure } from './load.js';
import { WeightedDraw } from './weighted-draw.js';

/**
 * Own copies, here and in the other files of a pick: the engine folds a constant of the module itself into the
 * code, but loads and checks an imported one at each use, which made a pick a quarter slower.
 */
const STRIDE = CELLS;
const PENDING = IN_FLIGHT;

/**
 * The picker behind `p2c` and `leastRequest`: looks at a few endpoints, takes the one with the lowest cost.
 *
 * On a small set it looks at all of them, which costs no more than drawing and waits less (three to ten servers
 * at 90 % load: 10 to 37 % less than two choices). On a larger one it looks at some drawn by chance: two are
 * enough for queues that grow with log log n (Mitzenmacher 2001), and since many clients which all saw the same
 * best endpoint would all run to it, drawing is also what keeps a herd apart. The drawn ones are distinct. Envoy
 * and gRPC draw with replacement, so that a frozen endpoint still gets the requests for which it was drawn twice,
 * and on two to five servers a request waits 6 to 8 % longer.
 *
 * **Weights** are shares of the requests, at any load. Dividing the cost by the weight gives them only to a busy
 * service: idle, the heaviest would always be the cheapest and the lightest starve (a canary of 1 % got 0.1 %,
 * a pair of 1 to 3 shared 3 to 97). So here the first draw, made by weight, stands unless the second would be
 * cheaper even with this request already added to it. Then no move is made that does not pay: in simulations from
 * a tenth of a request in flight to forty, equally fast endpoints kept their shares to within five points, and a
 * slow or failing one still lost them. A full scan would know no shares, so with weights there is none.
 */
export class LowestCostPicker implements Picker {
  private readonly chosen: Int32Array;
  private readonly weighted: WeightedDraw;
  /** From how many endpoints on two are drawn; never, where more than two are. */
  private readonly pairFrom: number;
  private readonly fullScanUpTo: number;

  constructor(
    private readonly measure: LoadMeasure,
    private readonly choices: number,
    fullScanUpTo: number,
    private readonly view: PickableView,
    private readonly random: Random,
  ) {
    this.chosen = new Int32Array(choices);
    this.weighted = new WeightedDraw(random);
    this.fullScanUpTo = Math.max(fullScanUpTo, choices);
    this.pairFrom = choices === 2 ? this.fullScanUpTo + 1 : Number.POSITIVE_INFINITY;
  }

  pick(view: PickableView, _call: Call, nowMs: number): Endpoint | undefined {
    const { count } = view;
    let slot: number;
    // The usual cases stand here, and the rest apart: the engine inlines a pick into its caller as long as it is small.
    if (count < 2 || !view.uniform) slot = this.otherwise(view, nowMs);
    else if (count >= this.pairFrom) slot = this.ofTwo(view, nowMs);
    else slot = count <= this.fullScanUpTo ? this.cheapest(view, nowMs) : this.ofSome(view, nowMs);
    return view.bySlot[slot];
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, _call: Call, nowMs: number): void {
    this.measure.settle(this.view.cells, endpoint.slot * STRIDE, endpoint, verdict, latencyMs, nowMs);
  }

  private otherwise(view: PickableView, nowMs: number): number {
    const { count } = view;
    if (count < 2) return count === 0 ? -1 : (view.slots[0] as number);
    return this.byWeight(view, nowMs);
  }

  /**
   * Two distinct endpoints from one random number. Its product with n is the first place before the point and an
   * even chance after it, which times n - 1 is the second among the others. A double's 53 bits hold 2^53 values
   * for n (n - 1) pairs; with 10,000 endpoints each pair has 2^26 of them, so no pair is favoured by more than
   * one part in 2^26.
   *
   * The sums at `second` and at the end are ifs in disguise: both outcomes are as likely, so the processor would
   * guess half of them wrong, and each wrong guess costs as much as the random number.
   */
  private ofTwo({ slots, count, cells }: PickableView, nowMs: number): number {
    const { measure } = this;
    const drawn = this.random.next() * count;
    const place = drawn | 0;
    const other = ((drawn - place) * (count - 1)) | 0;
    const first = slots[place] as number;
    const second = slots[other + 1 + ((other - place) >> 31)] as number;
    let firstCost = 0;
    let slot = first;
    // A loop, so that the engine has one call to inline and not two, which are too much within another balancer.
    for (;;) {
      const cell = slot * STRIDE;
      const cost = measure.cost(cells, cell, cells[cell + PENDING] as number, nowMs);
      if (slot === second) return first + ((second - first) & -(cost < firstCost));
      firstCost = cost;
      slot = second;
    }
  }

  /** Of two slots the one whose endpoint costs less. */
  cheaper(view: PickableView, first: number, second: number, nowMs: number): number {
    const { measure } = this;
    if (measure.cheaper !== undefined) return measure.cheaper(view, first, second, nowMs);
    const { cells } = view;
    const firstCell = first * STRIDE;
    const secondCell = second * STRIDE;
    const firstCost = measure.cost(cells, firstCell, cells[firstCell + PENDING] as number, nowMs);
    const secondCost = measure.cost(cells, secondCell, cells[secondCell + PENDING] as number, nowMs);
    return secondCost < firstCost ? second : first;
  }

  /** The slot of the endpoint that costs least of all, of which there are two at least. Weights are left aside. */
  cheapest(view: PickableView, nowMs: number): number {
    const { measure, random } = this;
    return measure.cheapest === undefined ? this.byAsking(view, nowMs) : measure.cheapest(view, random, nowMs);
  }

  /** Of k that cost the same, each is left with the chance 1/k: the last of them replaces the one held so often. */
  private byAsking({ slots, count, cells }: PickableView, nowMs: number): number {
    const { measure } = this;
    let best = slots[0] as number;
    let lowest = Number.POSITIVE_INFINITY;
    let ties = 0;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const cell = slot * STRIDE;
      const cost = measure.cost(cells, cell, cells[cell + PENDING] as number, nowMs);
      if (cost < lowest) {
        lowest = cost;
        best = slot;
        ties = 1;
      } else if (cost === lowest && this.random.next() * ++ties < 1) {
        best = slot;
      }
    }
    return best;
  }

  /**
   * Of `choices` distinct endpoints. Each is drawn as a rank among those not drawn yet, which the sorted list of
   * the drawn ones turns into a place. The order stays one of chance, so that the first may win a tie.
   */
  private ofSome({ slots, count, cells }: PickableView, nowMs: number): number {
    const { choices, chosen } = this;
    let best = slots[0] as number;
    let lowest = Number.POSITIVE_INFINITY;
    for (let drawn = 0; drawn < choices; drawn++) {
      let place = (this.random.next() * (count - drawn)) | 0;
      let index = 0;
      while (index < drawn && place >= (chosen[index] as number)) {
        place++;
        index++;
      }
      chosen.copyWithin(index + 1, index, drawn);
      chosen[index] = place;
      const slot = slots[place] as number;
      const cell = slot * STRIDE;
      const cost = this.measure.cost(cells, cell, cells[cell + PENDING] as number, nowMs);
      if (cost < lowest) {
        lowest = cost;
        best = slot;
      }
    }
    return best;
  }

  private byWeight(view: PickableView, nowMs: number): number {
    const { weighted } = this;
    let held = weighted.draw(view);
    for (let drawn = 1; drawn < this.choices; drawn++) {
      held = this.whereToMove(view, held, weighted.drawOther(view, held), nowMs);
    }
    return held;
  }

  /**
   * Where a request held for the one endpoint is better off: there, or at the other, which is charged for it
   * beforehand. Requests in flight count in units of the heavier of the two, so that what a light endpoint has
   * in flight weighs as much more as its weight is smaller.
   */
  private whereToMove({ cells, weights }: PickableView, held: number, other: number, nowMs: number): number {
    const { measure } = this;
    const unit = Math.max(weights[held] as number, weights[other] as number);
    let heldCost = 0;
    let slot = held;
    for (let added = 0; ; added = 1) {
      const cell = slot * STRIDE;
      const inFlight = (((cells[cell + PENDING] as number) + added) * unit) / (weights[slot] as number);
      const cost = measure.cost(cells, cell, inFlight, nowMs);
      if (added === 1) return held + ((other - held) & -(cost < heldCost));
      heldCost = cost;
      slot = other;
    }
  }
}
