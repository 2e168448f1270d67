import type { Call } from '../core/call.js';
import type { Endpoint } from '../core/endpoint.js';
import { CELLS, type PickableView, WEIGHT } from '../core/endpoint-view.js';
import type { Balancer, Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';

/**
 * One endpoint after the other, from a random start, so that a thousand clients that start at once do not all
 * begin with the same endpoint.
 *
 * With weights it is a static stride scheduler (gRFC A58): the rounds go on as before, and an endpoint sits out
 * of all those but its share. Endpoint i takes round r if r * stride(i) + phase(i), counted modulo 2^32, is
 * about to overflow, where stride is its weight in units of maxWeight / 2^32. So its picks are as evenly spread
 * over the rounds as whole numbers can be (Bresenham's line), the heaviest takes every round, and nothing has to
 * be rebuilt or remembered per endpoint. A pick looks at heaviest / mean weight endpoints on average, however
 * many there are. gRPC counts modulo 2^16 - 1; 2^32 is free, since a 32-bit multiplication wraps by itself.
 *
 * The cursor walks over places and not over endpoints. A shut endpoint has no place and costs nothing; when one
 * leaves, the last one takes its place and may in that round be met twice or not at all.
 *
 * @example
 * createMesh({ discovery, services: { renderers: { balancer: roundRobin() } } });
 */
export function roundRobin(): Balancer {
  return { name: 'roundRobin', build: (scope) => new RoundRobinPicker(scope.random) };
}

/** 2^32 over the golden ratio: phases that many apart are spread evenly, however many there are (Knuth, vol. 3, 6.4). */
const GOLDEN = 0x9e3779b9;
const WRAP = 2 ** 32;

/** Own copies: see lowest-cost.ts. */
const STEP = CELLS;
const SHARE = WEIGHT;

class RoundRobinPicker implements Picker {
  private place = -1;
  private round = 0;
  /** The weight that takes every round. Raised when a heavier one is met, lowered when a whole round is sat out. */
  private heaviest = 0;

  constructor(private readonly random: Random) {}

  pick(view: PickableView, _call: Call, _nowMs: number): Endpoint | undefined {
    const { count } = view;
    if (count === 0) return undefined;
    if (this.place < 0) {
      this.place = (this.random.next() * count) | 0;
      this.round = (this.random.next() * WRAP) | 0;
    } else {
      this.advance(count);
    }
    if (!view.uniform) this.skipToTurn(view);
    return view.bySlot[view.slots[this.place] as number];
  }

  private advance(count: number): void {
    if (++this.place < count) return;
    this.place = 0;
    this.round = (this.round + 1) | 0;
  }

  /** Moves on to the next place whose turn it is. */
  private skipToTurn(view: PickableView): void {
    const { slots, count, cells } = view;
    for (let skipped = 0; ; skipped++) {
      // The heaviest endpoint sits out no round, so a whole round of skips means that it is shut or gone.
      if (skipped === count || this.heaviest === 0) this.heaviest = heaviestOf(view);
      const weight = cells[(slots[this.place] as number) * STEP + SHARE] as number;
      if (weight >= this.heaviest) {
        this.heaviest = weight;
        return;
      }
      const stride = (weight / this.heaviest) * WRAP;
      const turn = (Math.imul(this.round, stride) + Math.imul(this.place, GOLDEN)) >>> 0;
      if (turn + stride >= WRAP) return;
      this.advance(count);
    }
  }
}

function heaviestOf({ slots, count, cells }: PickableView): number {
  let heaviest = 0;
  for (let place = 0; place < count; place++) heaviest = Math.max(heaviest, cells[(slots[place] as number) * STEP + SHARE] as number);
  return heaviest;
}
