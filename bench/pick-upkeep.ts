import { systemClock } from '../src/core/clock.js';
import type { Endpoint } from '../src/core/endpoint.js';
import type { EndpointView } from '../src/core/endpoint-view.js';
import type { Picker } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import { BALANCERS, type BalancerName } from './balancers.js';
import type { UpkeepResult } from './pick.js';
import { median, shuffled } from './statistics.js';
import { call, learn, newEndpoint, teach, usedEndpoints } from './used-endpoints.js';

/** Measures what a balancer costs besides its picks, with many endpoints. */

const ENDPOINTS = 10_000;
/** For how long each thing is tried at most, and how often: a table that is made anew takes milliseconds. */
const LIMIT_MS = 1_000;
const TIMES = 1_000;
const BATCH = 1_000;

export function upkeepOf(balancer: BalancerName, quick: boolean): UpkeepResult {
  const view = usedEndpoints(ENDPOINTS, 0, balancer.includes('weights'));
  const { picker, buildMs, bytes } = built(balancer, view);
  teach(picker, view, balancer);
  const shutters = new Map([...view].map((endpoint) => [endpoint, view.shutterFor(endpoint)]));
  // First with the reports that all have given, before any of them is old.
  let nowMs = 1_000;
  const pickOnce = () => picker.pick(view, call, nowMs)?.requests ?? 0;
  const pickAndSettleNs = batches(quick ? 30 : 100, () => {
    nowMs += 0.1;
    pickAndSettle(picker, view, balancer, nowMs);
  });
  const shutUs = each(shuffled([...shutters.values()]), (shutter, isFirst) => {
    if (isFirst) shutter.shut('broken');
    else shutter.open();
    pickOnce();
  });
  let next = ENDPOINTS;
  const changeUs = each(shuffled([...view]), (endpoint: Endpoint, isFirst) => {
    if (isFirst) view.remove(endpoint);
    else view.add(newEndpoint(next++, 1));
    pickOnce();
  });
  const seconds = Array.from({ length: 100 }, (_, index) => index);
  const afterSecondUs = each(seconds, () => {
    nowMs += 1_001;
    pickOnce();
  });
  picker.close?.();
  return { endpoints: ENDPOINTS, buildMs, bytes, changeUs, shutUs, pickAndSettleNs, afterSecondUs };
}

/** Of some builds the median time, since the first runs code that was never run. The first pick belongs to it. */
function built(balancer: BalancerName, view: EndpointView): { picker: Picker; buildMs: number; bytes: number } {
  const make = () => {
    const made = BALANCERS[balancer]().build({ service: 'bench', view, random: systemRandom, clock: systemClock });
    made.pick(view, call, 0);
    return made;
  };
  const timesMs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now();
    const made = make();
    timesMs.push(performance.now() - startMs);
    made.close?.();
  }
  const before = heldBytes();
  const picker = make();
  return { picker, buildMs: median(timesMs), bytes: Math.max(0, heldBytes() - before) };
}

function heldBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Median over pairs of a step there and a step back, in microseconds a step. */
function each<Item>(items: readonly Item[], step: (item: Item, isFirst: boolean) => void): number {
  const samples: number[] = [];
  const endMs = performance.now() + LIMIT_MS;
  for (const item of items.slice(0, TIMES)) {
    const startNs = process.hrtime.bigint();
    step(item, true);
    step(item, false);
    samples.push(Number(process.hrtime.bigint() - startNs) / 2_000);
    if (performance.now() > endMs) break;
  }
  return median(samples);
}

function batches(count: number, batch: () => void): number {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const startNs = process.hrtime.bigint();
    batch();
    samples.push(Number(process.hrtime.bigint() - startNs) / BATCH);
  }
  return median(samples);
}

function pickAndSettle(picker: Picker, view: EndpointView, balancer: BalancerName, nowMs: number): void {
  for (let i = 0; i < BATCH; i++) {
    const endpoint = picker.pick(view, call, nowMs);
    if (endpoint !== undefined) learn(picker, endpoint, balancer, nowMs);
  }
}
