import type { Discovery } from './core/discovery.js';
import type { Endpoint } from './core/endpoint.js';
import type { EndpointView } from './core/endpoint-view.js';
import type { Gate } from './core/gate.js';
import type { InquiryCounts } from './inquiries.js';
import type { Service } from './service.js';

/** The state of one endpoint, as `mesh.inspect()` shows it. */
export interface EndpointState {
  /** Tells endpoints of a service apart; the address unless the source has names. */
  readonly id: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Its share of the requests relative to the others'. */
  readonly weight: number;
  /** The lowest that has an endpoint to offer is used. */
  readonly priority: number;
  readonly zone: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** `ready` endpoints are picked; `busy` ones have all the work they may have; `ejected` ones are thought unfit. */
  readonly state: 'ready' | 'busy' | 'ejected';
  /** Attempts begun and not yet over, their bodies included. */
  readonly inFlight: number;
  /** Attempts, since the endpoint was added. */
  readonly requests: number;
  /** Attempts that the endpoint failed. */
  readonly failures: number;
  /** From the request written to the headers, in milliseconds; undefined before the first. */
  readonly latencyMs: { readonly p50: number; readonly p99: number } | undefined;
  /** What its gates say of themselves, by policy name. */
  readonly gates: Readonly<Record<string, unknown>>;
}

/** The state of one service. */
export interface ServiceState {
  /** The balancer's name. */
  readonly balancer: string;
  /** The stack in the order in which a request meets it. */
  readonly policies: {
    readonly perCall: readonly string[];
    readonly perAttempt: readonly string[];
    readonly perEndpoint: readonly string[];
  };
  /** Calls under way, those in queues and between attempts included. */
  readonly active: number;
  /** What the balancer has asked endpoints by itself so far, such as for their load; undefined where it never did. */
  readonly inquiries: InquiryCounts | undefined;
  /** How its source is doing: `source`, `state`, `listAgeMs`, and `staleSinceMs`, `lastError` and `held` where there is something to say. */
  readonly discovery: unknown;
  /** Its endpoints, those that cannot be picked included. */
  readonly endpoints: readonly EndpointState[];
}

/** The state of a mesh. */
export interface MeshState {
  /** The name of the source. */
  readonly discovery: string;
  /** The services that were used so far, by name. */
  readonly services: Readonly<Record<string, ServiceState>>;
}

/** The whole state as plain JSON: a copy, which nothing changes later. */
export function inspectMesh(services: readonly Service[], discovery: Discovery): MeshState {
  const states = services.map((service): [string, ServiceState] => [service.name, inspectService(service)]);
  return JSON.parse(JSON.stringify({ discovery: discovery.name, services: Object.fromEntries(states) })) as MeshState;
}

function inspectService({ settings, active, inquiries, endpoints }: Service): ServiceState {
  const { perCall, perAttempt, perEndpoint } = settings.policies;
  const names = (policies: readonly { readonly name: string }[]) => policies.map((policy) => policy.name);
  return {
    balancer: settings.balancer.name,
    policies: { perCall: names(perCall), perAttempt: names(perAttempt), perEndpoint: names(perEndpoint) },
    active: active.size,
    inquiries: inquiries.counts(),
    discovery: endpoints.inspect(),
    endpoints: [...endpoints.view].map((endpoint) => inspectEndpoint(endpoint, endpoints.view)),
  };
}

function inspectEndpoint(endpoint: Endpoint, { latencies }: EndpointView): EndpointState {
  const { instance, slot, gates = [], gateNames = [] } = endpoint;
  const p50 = latencies.percentile(slot, 0.5);
  const p99 = latencies.percentile(slot, 0.99);
  return {
    id: instance.id,
    origin: endpoint.origin,
    weight: instance.weight,
    priority: instance.priority,
    zone: instance.zone,
    metadata: instance.metadata,
    state: endpoint.shutGates === 0 ? 'ready' : endpoint.shutGates === endpoint.busyGates ? 'busy' : 'ejected',
    inFlight: endpoint.inFlight,
    requests: endpoint.requests,
    failures: endpoint.failures,
    latencyMs: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
    gates: Object.fromEntries(gates.map((gate, index): [string, unknown] => [gateNames[index] ?? 'gate', inspectGate(gate)])),
  };
}

/** What a gate says of itself. One that cannot say it must not hide the rest of the mesh. */
function inspectGate(gate: Gate): unknown {
  try {
    const state = gate.inspect?.();
    return state === undefined ? undefined : JSON.parse(JSON.stringify(state));
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
