import { leastRequest } from '../src/balancing/least-request.js';
import { p2c } from '../src/balancing/p2c.js';
import { random } from '../src/balancing/random.js';
import { roundRobin } from '../src/balancing/round-robin.js';
import { Call } from '../src/core/call.js';
import { Endpoint } from '../src/core/endpoint.js';
import { EndpointView } from '../src/core/endpoint-view.js';
import type { Balancer } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import type { PickLoop } from './pick-loop.js';
import { median, shuffled } from './statistics.js';

/**
 * What a pick costs, by balancer and number of endpoints, beside a random pick with nothing around it.
 *
 * The endpoints have been used: they carry latencies, ages and requests in flight, all different, and lie in
 * memory in another order than in the list, as they would after some hours of changes.
 */

export interface PickResult {
  readonly balancer: string;
  readonly endpoints: number;
  /** How many of them are shut. */
  readonly shut: number;
  readonly nsPerPick: number;
  /** In units of the inlined random pick on the same endpoints in the same run. */
  readonly ratioToInlined: number;
}

const SIZES = [4, 10, 100, 1_000, 10_000];
const INLINED = 'inlined random pick';

/** Times every balancer on every size, with none and with half of the endpoints shut. */
export async function run({ quick = false }: { readonly quick?: boolean } = {}): Promise<PickResult[]> {
  const rounds = quick ? 5 : 15;
  const picks = quick ? 50_000 : 200_000;
  const results: PickResult[] = [];
  for (const endpoints of SIZES) {
    for (const shut of [0, endpoints / 2]) {
      const timed = await timeAll(endpoints, shut, rounds, picks);
      const inlined = timed.get(INLINED) ?? Number.NaN;
      for (const [balancer, nsPerPick] of timed)
        results.push({ balancer, endpoints, shut, nsPerPick, ratioToInlined: nsPerPick / inlined });
    }
  }
  return results;
}

/** Medians over interleaved rounds, so that what the machine does meanwhile meets all alike. */
async function timeAll(endpoints: number, shut: number, rounds: number, picks: number): Promise<Map<string, number>> {
  const even = usedEndpoints(endpoints, shut, () => 1);
  const weighted = usedEndpoints(endpoints, shut, (index) => 1 + (index % 4));
  const contenders: [name: string, view: EndpointView, loop: PickLoop][] = [
    [INLINED, even, (await freshLoops(INLINED)).inlinedRandomPick],
    await contender('p2c, peak EWMA', even, p2c()),
    await contender('roundRobin', even, roundRobin()),
    await contender('random', even, random()),
    await contender('leastRequest', even, leastRequest()),
    await contender('p2c, weights 1 to 4', weighted, p2c()),
    await contender('roundRobin, weights 1 to 4', weighted, roundRobin()),
    await contender('random, weights 1 to 4', weighted, random()),
  ];
  const call = new Call({ service: 'bench', method: 'GET', path: '/', headers: [], idempotent: true });
  const samples = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
  for (let round = -2; round < rounds; round++) {
    for (const [name, view, loop] of contenders) {
      const { nsPerPick, checksum } = loop(view, call, picks);
      if (checksum === 0) throw new Error(`${name} picked nothing`);
      if (round >= 0) samples.get(name)?.push(nsPerPick);
    }
  }
  return new Map([...samples].map(([name, each]) => [name, median(each)]));
}

async function contender(name: string, view: EndpointView, balancer: Balancer): Promise<[string, EndpointView, PickLoop]> {
  const picker = balancer.build({ service: 'bench', view, random: systemRandom });
  for (const endpoint of shuffled([...view])) {
    picker.settle?.(endpoint, 'success', 1 + systemRandom.next() * 50, NO_CALL, systemRandom.next() * 1_000);
  }
  return [name, view, (await freshLoops(name)).loopOf(picker)];
}

const NO_CALL = new Call({ service: 'bench', method: 'GET', path: '/', headers: [], idempotent: true });

let loaded = 0;

/** The loops with none of the engine's memories of other pickers. */
function freshLoops(name: string): Promise<typeof import('./pick-loop.js')> {
  const url = new URL('./pick-loop.js', import.meta.url);
  url.search = `${name} ${++loaded}`;
  return import(url.href);
}

function usedEndpoints(count: number, shut: number, weightOf: (index: number) => number): EndpointView {
  const view = new EndpointView({ ejected() {}, recovered() {} });
  const endpoints = shuffled(Array.from({ length: count }, (_, index) => newEndpoint(index, weightOf(index))));
  for (const endpoint of endpoints) view.add(endpoint);
  for (const endpoint of endpoints) for (let i = Math.floor(systemRandom.next() * 4); i > 0; i--) view.track(endpoint, 1);
  for (const endpoint of shuffled(endpoints).slice(0, shut)) view.shutterFor(endpoint).shut('broken');
  return view;
}

function newEndpoint(index: number, weight: number): Endpoint {
  const hostname = `10.0.${index >> 8}.${index & 255}`;
  const instance = { protocol: 'http:', hostname, port: 80, basePath: '', weight, priority: 0, zone: undefined, metadata: {} } as const;
  const endpoint = new Endpoint({ id: hostname, ...instance });
  endpoint.requests = 1;
  return endpoint;
}
