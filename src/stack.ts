import { type BalanceOptions, balance } from './balancing/balance.js';
import { awaitFirstList, type ListSource } from './balancing/first-list.js';
import type { Endpoint } from './core/endpoint.js';
import { reportFaultOnce } from './core/events.js';
import type { Gate, GateFactory } from './core/gate.js';
import { type EndpointScope, layers, type PolicyStack, type Send, type ServiceScope } from './core/policy.js';
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

  // The line between the service and its endpoints: picks, counts, judges.
  const balanced = balance({ ...parts.balancing, build: (endpoint) => endpointStack(parts, endpoint) }, scope);

  return perCall(listed(perAttempt(balanced)));
}

/** From the pick to the wire. Built when the endpoint is first picked, and kept until it is removed. */
function endpointStack({ scope, policies, maxConnections, connect }: StackParts, endpoint: Endpoint): Send {
  const connection = connect(endpoint);
  const endpointScope: EndpointScope = {
    ...scope,
    level: 'endpoint',
    endpoint,
    addGate: (name, makeGate) => addGate(endpointScope, endpoint, name, makeGate),
  };

  // An endpoint has no more requests than connections: a queue below the balancer would hide how busy it is.
  addGate(endpointScope, endpoint, 'connections', connectionLimit(maxConnections));

  // Standard: the breaker and, where asked for, the endpoint's bulkhead. Both are gates: they do not stand in
  // the way, the balancer sees them before it picks.
  const send = layers(policies.perEndpoint, endpointScope, connection.send);

  endpoint.dispose = () => {
    for (const gate of endpoint.gates ?? []) disposeOf(gate, scope.service);
    connection.close();
  };
  return send;
}

function disposeOf(gate: Gate, service: string): void {
  try {
    gate.dispose?.();
  } catch (error) {
    reportFaultOnce(gate, `a gate of ${service}`, error);
  }
}

function addGate(scope: EndpointScope, endpoint: Endpoint, name: string, makeGate: GateFactory): void {
  endpoint.gates ??= [];
  endpoint.gateNames ??= [];
  endpoint.gates.push(makeGate(scope.endpoints.shutterFor(endpoint), scope));
  endpoint.gateNames.push(name);
}
