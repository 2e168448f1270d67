import { leastRequest } from '../src/balancing/least-request.js';
import { p2c } from '../src/balancing/p2c.js';
import { pendingRequests } from '../src/balancing/pending-requests.js';
import { random } from '../src/balancing/random.js';
import { roundRobin } from '../src/balancing/round-robin.js';
import { Call } from '../src/core/call.js';
import { systemClock } from '../src/core/clock.js';
import { Endpoint } from '../src/core/endpoint.js';
import { EndpointView } from '../src/core/endpoint-view.js';
import type { Balancer, Picker } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import { answer } from './child.js';
import type { BalancerName, PickResult } from './pick.js';
import { median, shuffled } from './statistics.js';

/**
 * Times one balancer. Called by pick.ts with the balancer's name.
 *
 * The endpoints have been used: they carry latencies, ages and requests in flight, all different, and lie in
 * memory in another order than in the list, as they would after some hours of changes.
 */

const SIZES = [4, 10, 100, 1_000, 10_000];
const BATCH = 1_000;
const WARM_UP_ROUNDS = 30;
/** So few that a round ends before the scheduler takes the core away; what it does between rounds is not measured. */
const BATCHES = 10;

const MAKE: Record<BalancerName, () => Balancer> = {
  'p2c, peak EWMA': () => p2c(),
  'p2c, pending requests': () => p2c({ load: pendingRequests() }),
  roundRobin: () => roundRobin(),
  random: () => random(),
  leastRequest: () => leastRequest(),
  'p2c, weights 1 to 4': () => p2c(),
  'roundRobin, weights 1 to 4': () => roundRobin(),
  'random, weights 1 to 4': () => random(),
};

const balancer = process.argv[2] as BalancerName;
const quick = process.argv[3] === 'quick';
const rounds = quick ? 100 : 300;
const call = new Call({ service: 'bench', method: 'GET', path: '/', headers: [], idempotent: true });

// Once for nothing: on a busy machine the engine is still compiling when the first rounds are over.
for (const endpoints of SIZES.slice(0, 3)) time(endpoints, 0);
const results: PickResult[] = [];
for (const endpoints of SIZES) for (const shut of [0, endpoints / 2]) results.push(time(endpoints, shut));
answer(results);

/** Rounds of both loops in turn: what the machine does meanwhile meets both alike. */
function time(endpoints: number, shut: number): PickResult {
  const view = usedEndpoints(endpoints, shut);
  const picker = MAKE[balancer]().build({ service: 'bench', view, random: systemRandom, clock: systemClock });
  for (const endpoint of shuffled([...view])) {
    picker.settle?.(endpoint, 'success', 1 + systemRandom.next() * 50, call, systemRandom.next() * 1_000, undefined);
  }
  const picks: number[] = [];
  const inlined: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const inlinedNs = timed(() => inlinedBatch(view));
    const pickNs = timed((index) => pickBatch(picker, view, 1_000 + 10 * index));
    if (round < 0) continue;
    inlined.push(inlinedNs);
    picks.push(pickNs);
  }
  const ratioToInlined = median(picks.map((ns, round) => ns / (inlined[round] ?? Number.NaN)));
  return { balancer, endpoints, shut, nsPerPick: median(picks), inlinedNs: median(inlined), ratioToInlined };
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
  const picks = BATCHES * BATCH;
  if (sum !== picks) throw new Error(`${balancer}: ${picks} picks gave ${sum} endpoints`);
  return elapsedNs / picks;
}

function usedEndpoints(count: number, shut: number): EndpointView {
  const view = new EndpointView({ ejected() {}, recovered() {} });
  const weighted = balancer.includes('weights');
  const endpoints = shuffled(Array.from({ length: count }, (_, index) => newEndpoint(index, weighted ? 1 + (index % 4) : 1)));
  for (const endpoint of endpoints) {
    view.add(endpoint);
    for (let i = Math.floor(systemRandom.next() * 4); i > 0; i--) view.track(endpoint, 1);
  }
  for (const endpoint of shuffled(endpoints).slice(0, shut)) view.shutterFor(endpoint).shut('broken');
  return view;
}

function newEndpoint(index: number, weight: number): Endpoint {
  const hostname = `10.0.${index >> 8}.${index & 255}`;
  const address = { protocol: 'http:', hostname, port: 80, basePath: '' } as const;
  const endpoint = new Endpoint({ id: hostname, ...address, weight, priority: 0, zone: undefined, metadata: {} });
  endpoint.requests = 1;
  return endpoint;
}
