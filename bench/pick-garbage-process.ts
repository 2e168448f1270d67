import { systemClock } from '../src/core/clock.js';
import type { EndpointView } from '../src/core/endpoint-view.js';
import type { Picker } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import { BALANCERS, type BalancerName } from './balancers.js';
import { answer } from './child.js';
import { median } from './statistics.js';
import { call, teach, usedEndpoints } from './used-endpoints.js';

/**
 * Measures the garbage of a pick. Called by pick.ts with the balancer's name.
 *
 * Math.random is left out of it: in V8, each of its numbers takes 16 bytes of the heap. So numbers come from a list
 * here, in a process that has seen no other source of them, since the engine makes one code for all that it has seen.
 */

const ENDPOINTS = 1_000;
const BATCH = 1_000;
/** So few that the young space is not full before they are over, and nothing is collected meanwhile. */
const BATCHES = 8;
const WARM_UP = 300;
const SAMPLES = 50;

const balancer = process.argv[2] as BalancerName;
const view = usedEndpoints(ENDPOINTS, 0, balancer.includes('weights'));
const drawn = Float64Array.from({ length: 4_096 }, () => systemRandom.next());
let index = 0;
const random = {
  next() {
    index = (index + 1) & 4_095;
    return drawn[index] as number;
  },
};
const picker = BALANCERS[balancer]().build({ service: 'bench', view, random, clock: systemClock });
teach(picker, view, balancer);

const samples: number[] = [];
for (let i = -WARM_UP; i < SAMPLES; i++) {
  if (i >= 0) globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let batch = 0; batch < BATCHES; batch++) pickBatch(picker, view, 1_500);
  if (i >= 0) samples.push((process.memoryUsage().heapUsed - before) / (BATCHES * BATCH));
}
// The median, since the engine allocates too.
answer(median(samples));

/** The time stands still: a sum that the loop puts on the heap would be counted as the pick's. */
function pickBatch(made: Picker, of: EndpointView, nowMs: number): number {
  let sum = 0;
  for (let i = 0; i < BATCH; i++) sum += made.pick(of, call, nowMs)?.requests ?? 0;
  return sum;
}
