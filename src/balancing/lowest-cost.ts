import type { Call } from '../core/call.js';
import type { Endpoint } from '../core/endpoint.js';
import { CELLS, type EndpointView, IN_FLIGHT, WEIGHT } from '../core/endpoint-view.js';
import type { Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';
import type { Verdict } from '../core/verdict.js';
import { drawByWeight } from './draw-by-weight.js';
import type { LoadMeasure } from './load.js';

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
  private readonly fullScanUpTo: number;

  constructor(
    private readonly measure: LoadMeasure,
    private readonly choices: number,
    fullScanUpTo: number,
    private readonly view: EndpointView,
    private readonly random: Random,
  ) {
    this.chosen = new Int32Array(choices);
    this.fullScanUpTo = Math.max(fullScanUpTo, choices);
  }

  pick(view: EndpointView, _call: Call, nowMs: number): Endpoint | undefined {
    const { count } = view;
    if (count < 2) return count === 0 ? undefined : view.bySlot[view.slots[0] as number];
    if (!view.uniform) return view.bySlot[this.byWeight(view, nowMs)];
    if (count <= this.fullScanUpTo) return view.bySlot[this.ofAll(view, nowMs)];
    return view.bySlot[this.choices === 2 ? this.ofTwo(view, nowMs) : this.ofSome(view, nowMs)];
  }

  settle(endpoint: Endpoint, verdict: Verdict, latencyMs: number, _call: Call, nowMs: number): void {
    this.measure.settle(this.view.cells, endpoint.slot * CELLS, endpoint, verdict, latencyMs, nowMs);
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
  private ofTwo({ slots, count, cells }: EndpointView, nowMs: number): number {
    const drawn = this.random.next() * count;
    const place = drawn | 0;
    const other = ((drawn - place) * (count - 1)) | 0;
    const first = slots[place] as number;
    const second = slots[other + 1 + ((other - place) >> 31)] as number;
    const firstCell = first * CELLS;
    const secondCell = second * CELLS;
    const firstCost = this.measure.cost(cells, firstCell, cells[firstCell + IN_FLIGHT] as number, nowMs);
    const secondCost = this.measure.cost(cells, secondCell, cells[secondCell + IN_FLIGHT] as number, nowMs);
    return first + ((second - first) & -(secondCost < firstCost));
  }

  /**
   * Of all endpoints; of several that cost the same, each with the same chance. The k-th of them replaces the one
   * held with probability 1/k, and all these decisions are read off one random number: what is left of it after
   * one is again an even chance for the next.
   */
  private ofAll({ slots, count, cells }: EndpointView, nowMs: number): number {
    let best = slots[0] as number;
    let lowest = Number.POSITIVE_INFINITY;
    let ties = 0;
    let chance = -1;
    for (let place = 0; place < count; place++) {
      const slot = slots[place] as number;
      const cell = slot * CELLS;
      const cost = this.measure.cost(cells, cell, cells[cell + IN_FLIGHT] as number, nowMs);
      if (cost < lowest) {
        lowest = cost;
        best = slot;
        ties = 1;
      } else if (cost === lowest) {
        ties++;
        chance = (chance < 0 ? this.random.next() : chance) * ties;
        if (chance < 1) best = slot;
        else chance = (chance - 1) / (ties - 1);
      }
    }
    return best;
  }

  /**
   * Of `choices` distinct endpoints. Each is drawn as a rank among those not drawn yet, which the sorted list of
   * the drawn ones turns into a place. The order stays one of chance, so that the first may win a tie.
   */
  private ofSome({ slots, count, cells }: EndpointView, nowMs: number): number {
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
      const cell = slot * CELLS;
      const cost = this.measure.cost(cells, cell, cells[cell + IN_FLIGHT] as number, nowMs);
      if (cost < lowest) {
        lowest = cost;
        best = slot;
      }
    }
    return best;
  }

  private byWeight(view: EndpointView, nowMs: number): number {
    const { slots, count } = view;
    let held = drawByWeight(view, this.random);
    for (let drawn = 1; drawn < this.choices; drawn++) {
      const other = count === 2 ? 1 - held : drawByWeight(view, this.random, held);
      if (this.isWorthMoving(view.cells, slots[held] as number, slots[other] as number, nowMs)) held = other;
    }
    return slots[held] as number;
  }

  /**
   * Whether a request held for the one endpoint would be better off at the other, which is charged for it
   * beforehand. Requests in flight count in units of the heavier of the two, so that what a light endpoint has
   * in flight weighs as much more as its weight is smaller.
   */
  private isWorthMoving(cells: Float64Array, held: number, other: number, nowMs: number): boolean {
    const heldCell = held * CELLS;
    const otherCell = other * CELLS;
    const heldWeight = cells[heldCell + WEIGHT] as number;
    const otherWeight = cells[otherCell + WEIGHT] as number;
    const unit = Math.max(heldWeight, otherWeight);
    const heldInFlight = (cells[heldCell + IN_FLIGHT] as number) * (unit / heldWeight);
    const otherInFlight = ((cells[otherCell + IN_FLIGHT] as number) + 1) * (unit / otherWeight);
    return this.measure.cost(cells, otherCell, otherInFlight, nowMs) < this.measure.cost(cells, heldCell, heldInFlight, nowMs);
  }
}
