import { systemClock } from '../src/core/clock.js';
import type { EndpointView } from '../src/core/endpoint-view.js';
import type { Picker } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import { BALANCERS, type BalancerName } from './balancers.js';
import { answer } from './child.js';
import type { PickResult } from './pick.js';
import { upkeepOf } from './pick-upkeep.js';
import { median } from './statistics.js';
import { call, teach, usedEndpoints } from './used-endpoints.js';

/**
 * Times one balancer. Called by pick.ts with the balancer's name and the number of endpoints, or 'upkeep' for what it
 * costs besides its picks.
 */

const BATCH = 1_000;
const WARM_UP_ROUNDS = 30;
/** So few that a round ends before the scheduler takes the core away; what it does between rounds is not measured. */
const BATCHES = 10;

const balancer = process.argv[2] as BalancerName;
const quick = process.argv[3] === 'quick';
const what = process.argv[4];
const rounds = quick ? 100 : 300;

if (what === 'upkeep') {
  answer(upkeepOf(balancer, quick));
} else {
  const endpoints = Number(what);
  // Once for nothing: on a busy machine the engine is still compiling when the first rounds are over.
  time(endpoints, 0);
  answer([time(endpoints, 0), time(endpoints, endpoints / 2)]);
}

/** Rounds of both loops in turn: what the machine does meanwhile meets both alike. */
function time(endpoints: number, shut: number): PickResult {
  const view = usedEndpoints(endpoints, shut, balancer.includes('weights'));
  const picker = BALANCERS[balancer]().build({ service: 'bench', view, random: systemRandom, clock: systemClock });
  teach(picker, view, balancer);
  const pickNs: number[] = [];
  const inlinedNs: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const inlined = timed(() => inlinedBatch(view));
    const picked = timed((index) => pickBatch(picker, view, 1_000 + 10 * index));
    if (round < 0) continue;
    inlinedNs.push(inlined);
    pickNs.push(picked);
  }
  picker.close?.();
  const ratioToInlined = median(pickNs.map((ns, round) => ns / (inlinedNs[round] ?? Number.NaN)));
  return { balancer, endpoints, shut, nsPerPick: median(pickNs), inlinedNs: median(inlinedNs), ratioToInlined };
}

/**
 * Picks in batches that are short enough to be compiled as functions, and not while they run. Each pick's endpoint
 * is read, as a call would read it, and the sum is looked at, so that nothing can be left out.
 */
function pickBatch(picker: Picker, view: EndpointView, startMs: number): number {
  let nowMs = startMs;
  let sum = 0;
  for (let i = 0; i < BATCH; i++) {
    nowMs += 0.01;
    sum += picker.pick(view, call, nowMs)?.requests ?? 0;
  }
  return sum;
}

/** The yardstick: random picks with nothing around them. */
function inlinedBatch({ slots, bySlot, count }: EndpointView): number {
  let sum = 0;
  for (let i = 0; i < BATCH; i++) sum += bySlot[slots[(Math.random() * count) | 0] as number]?.requests ?? 0;
  return sum;
}

function timed(batch: (index: number) => number): number {
  let sum = 0;
  const startNs = process.hrtime.bigint();
  for (let index = 0; index < BATCHES; index++) sum += batch(index);
  const elapsedNs = Number(process.hrtime.bigint() - startNs);
  const picked = BATCHES * BATCH;
  if (sum !== picked) throw new Error(`${balancer}: ${picked} picks gave ${sum} endpoints`);
  return elapsedNs / picked;
}
