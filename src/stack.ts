import { type BalanceOptions, balance } from './balancing/balance.js';
import { awaitFirstList, type ListSource } from './balancing/first-list.js';
import type { Clock } from './core/clock.js';
import type { DeadlineQueue } from './core/deadline-queue.js';
import type { Endpoint } from './core/endpoint.js';
import type { EndpointView } from './core/endpoint-view.js';
import type { EventEmitter } from './core/events.js';
import type { GateFactory } from './core/gate.js';
import { type EndpointScope, layers, type PolicyStack, type Send, type ServiceScope } from './core/policy.js';
import type { Random } from './core/random.js';
import { connectionLimit } from './transport/connection-limit.js';
import type { Connection } from './transport/transport.js';

/**
 * The whole path of a request below `fetch`, in the order in which it travels. What stands in a list is the
 * user's or `standard()`'s; what stands between them is fixed, for the reasons given.
 */
export interface StackParts {
  readonly scope: ServiceScope;
  readonly policies: PolicyStack;
  readonly balancing: Omit<BalanceOptions, 'build'> & { readonly roster: ListSource };
  readonly maxConnections: number;
  connect(endpoint: Endpoint): Connection;
}

export function buildStack(parts: StackParts): Send {
  const { scope, policies } = parts;

  // Once per call. Standard: the call's own time limit (outermost, so that it also bounds the waiting in the
  // next), then the bulkhead with its queue (a call keeps its place over all its tries), then retry.
  const perCall = (next: Send) => layers(policies.perCall, { ...scope, level: 'call' }, next);

  // The first calls of a service wait here for its list, in the time of the call and in no attempt's.
  const listed = (next: Send) => awaitFirstList(parts.balancing.roster, next);

  // Once per try, before an endpoint is known. Standard: the time limit of one try, below retry so that a try
  // that takes too long is one more reason to try again.
  const perAttempt = (next: Send) => layers(policies.perAttempt, { ...scope, level: 'attempt' }, next);

  const gateNames: GateNames = { latest: [] };
  // The line between the service and its endpoints: picks, counts, judges.
  const balanced = balance({ ...parts.balancing, build: (endpoint) => endpointStack(parts, endpoint, gateNames) }, scope);

  return perCall(listed(perAttempt(balanced)));
}

/** From the pick to the wire. Built when the endpoint is first picked, and kept until it is removed. */
function endpointStack({ scope, policies, maxConnections, connect }: StackParts, endpoint: Endpoint, gateNames: GateNames): Send {
  const connection = connect(endpoint);
  const endpointScope = new ScopeOfEndpoint(scope, endpoint);

  // An endpoint has no more requests than connections: a queue below the balancer would hide how busy it is.
  endpointScope.addGate('connections', connectionLimit(maxConnections));

  // Standard: the breaker and, where asked for, the endpoint's bulkhead. Both are gates: they do not stand in
  // the way, the balancer sees them before it picks.
  const send = layers(policies.perEndpoint, endpointScope, connection.send);
  shareNames(endpoint, gateNames);
  return send;
}

/** The gates of one endpoint mostly have the names of the last one's: then they share the list. */
interface GateNames {
  latest: string[];
}

function shareNames(endpoint: Endpoint, names: GateNames): void {
  const own = endpoint.gateNames ?? [];
  if (own.length === names.latest.length && own.every((name, index) => name === names.latest[index])) endpoint.gateNames = names.latest;
  else names.latest = own;
}

/** A view of the service's scope, and not a copy: there is one for each endpoint in use. */
class ScopeOfEndpoint implements EndpointScope {
  constructor(
    private readonly shared: ServiceScope,
    readonly endpoint: Endpoint,
  ) {}

  get level(): 'endpoint' {
    return 'endpoint';
  }
  get service(): string {
    return this.shared.service;
  }
  get clock(): Clock {
    return this.shared.clock;
  }
  get random(): Random {
    return this.shared.random;
  }
  get events(): EventEmitter {
    return this.shared.events;
  }
  get deadlines(): DeadlineQueue {
    return this.shared.deadlines;
  }
  get endpoints(): EndpointView {
    return this.shared.endpoints;
  }

  addGate(name: string, makeGate: GateFactory): void {
    const { endpoint } = this;
    const gate = makeGate(this.endpoints.shutterFor(endpoint), this);
    endpoint.gates = [...(endpoint.gates ?? []), gate];
    endpoint.gateNames = [...(endpoint.gateNames ?? []), name];
  }
}
