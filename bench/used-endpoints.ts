import { Call } from '../src/core/call.js';
import { Endpoint } from '../src/core/endpoint.js';
import { EndpointView } from '../src/core/endpoint-view.js';
import type { Picker } from '../src/core/picker.js';
import { systemRandom } from '../src/core/random.js';
import { Reply } from '../src/core/reply.js';
import { type BalancerName, VERSIONS, ZONES } from './balancers.js';
import { shuffled } from './statistics.js';

/**
 * Endpoints as picks find them after some hours of changes: with latencies, ages, reports and requests in flight, all
 * different, and in memory in another order than in the list.
 */

export const call = new Call({ service: 'bench', method: 'GET', path: '/', headers: [], idempotent: true });

/** Answers with reports of load, all different. */
const REPLIES = Array.from({ length: 64 }, (_, index) => {
  const metrics = `named_metrics.rif=${index % 8},named_metrics.svc=${10 + index},cpu_utilization=0.${10 + index},rps_fractional=${50 + index}`;
  return new Reply(200, 'OK', ['endpoint-load-metrics', `TEXT ${metrics},eps=0`]);
});

/** `count` endpoints that have been used, `shut` of them shut. */
export function usedEndpoints(count: number, shut: number, isWeighted: boolean): EndpointView {
  const view = new EndpointView({ ejected() {}, recovered() {} });
  const endpoints = shuffled(Array.from({ length: count }, (_, index) => newEndpoint(index, isWeighted ? 1 + (index % 4) : 1)));
  for (const endpoint of endpoints) {
    view.add(endpoint);
    for (let i = Math.floor(systemRandom.next() * 4); i > 0; i--) view.track(endpoint, 1);
  }
  for (const endpoint of shuffled(endpoints).slice(0, shut)) view.shutterFor(endpoint).shut('broken');
  return view;
}

export function newEndpoint(number: number, weight: number): Endpoint {
  const hostname = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  const address = { protocol: 'http:', hostname, port: 80, basePath: '' } as const;
  const zone = ZONES[number % ZONES.length];
  const version = VERSIONS[number % VERSIONS.length] as string;
  const endpoint = new Endpoint({ id: String(number), ...address, weight, priority: 0, zone, metadata: { version } });
  endpoint.requests = 1;
  return endpoint;
}

/** Has every endpoint answer once, within the first second. */
export function teach(picker: Picker, view: EndpointView, balancer: BalancerName): void {
  for (const endpoint of shuffled([...view])) learn(picker, endpoint, balancer, systemRandom.next() * 1_000);
}

/** An answer of `endpoint` came, with a report unless the balancer's name says that there are none. */
export function learn(picker: Picker, endpoint: Endpoint, balancer: BalancerName, nowMs: number): void {
  const reply = balancer.includes('no reports') ? undefined : REPLIES[endpoint.slot & (REPLIES.length - 1)];
  picker.settle?.(endpoint, 'success', 1 + systemRandom.next() * 50, call, nowMs, reply);
}
