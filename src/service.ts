import { ActiveCalls } from './active-calls.js';
import type { Call } from './core/call.js';
import { sendSafely } from './core/continuation.js';
import type { DeadlineQueue } from './core/deadline-queue.js';
import type { Discovery, DiscoveryHost } from './core/discovery.js';
import type { Endpoint } from './core/endpoint.js';
import { MeshError, withAttempts } from './core/errors.js';
import { type EventEmitter, reportFaultOnce } from './core/events.js';
import type { Picker } from './core/picker.js';
import type { Level, Policy, Send, ServiceScope } from './core/policy.js';
import type { Random } from './core/random.js';
import type { Reply } from './core/reply.js';
import { EndpointSet } from './discovery/endpoint-set.js';
import type { ListMemory } from './discovery/list-memory.js';
import type { Cached } from './discovery/service-cache.js';
import { Inquiries } from './inquiries.js';
import type { MeshClock } from './mesh-clock.js';
import type { CacheSettings, ServiceSettings } from './options.js';
import { buildStack } from './stack.js';
import type { Connection, Transport, TransportScope } from './transport/transport.js';

/** What all services of a mesh share. */
export interface MeshParts {
  readonly discovery: Discovery;
  readonly host: DiscoveryHost;
  readonly clock: MeshClock;
  readonly random: Random;
  readonly events: EventEmitter;
  readonly deadlines: DeadlineQueue;
  readonly transport: Transport;
  readonly cache: CacheSettings;
  /** Where lists are kept beyond the life of the process. */
  readonly memory?: ListMemory | undefined;
  /** The host that stands for a service in its requests. */
  hostOf(service: string): string;
  inMeshContext<T>(work: () => T): T;
  /** The error for calls that come once the mesh is closing, or undefined while it is open. */
  refusal(): MeshError | undefined;
}

/** One service as the mesh runs it: its endpoints, its stack, its calls under way. */
export class Service implements Cached {
  readonly endpoints: EndpointSet;
  readonly active: ActiveCalls;
  /** What the balancer asks endpoints by itself. */
  readonly inquiries: Inquiries;
  private readonly stack: Send;
  private readonly picker: Picker;
  private readonly idleListeners = new Set<() => void>();
  /** Endpoints that have a connection open. */
  private readonly connected = new Set<Endpoint>();
  private readonly transportScope: TransportScope;

  constructor(
    readonly name: string,
    readonly settings: ServiceSettings,
    private readonly parts: MeshParts,
  ) {
    const { clock, random, events, deadlines } = parts;
    this.active = new ActiveCalls(() => {
      for (const listener of this.idleListeners) listener();
    });
    this.endpoints = new EndpointSet({
      service: name,
      discovery: parts.discovery,
      host: parts.host,
      clock,
      events,
      options: parts.cache,
      memory: parts.memory,
      onRetired: (endpoint) => this.retire(endpoint),
    });
    const { connections, tls } = settings;
    this.transportScope = { service: name, clock, random, connections, tls, inMeshContext: parts.inMeshContext };
    const { view } = this.endpoints;
    this.inquiries = new Inquiries({
      service: name,
      host: settings.host === 'service' ? () => parts.hostOf(name) : undefined,
      view,
      clock,
      deadlines,
      inMeshContext: parts.inMeshContext,
      connect: (endpoint) => this.connect(endpoint),
    });
    this.picker = settings.balancer.build({ service: name, view, random, clock, ask: this.inquiries.ask });
    const scope: ServiceScope = { service: name, clock, random, events, deadlines, endpoints: view };
    this.stack = buildStack({
      scope,
      policies: settings.policies,
      balancing: {
        roster: this.endpoints,
        picker: this.picker,
        classify: settings.classify,
      },
      maxConnections: settings.connections.max,
      connect: (endpoint) => this.connect(endpoint),
    });
    parts.inMeshContext(() => this.endpoints.start());
  }

  /** Sends a call down the stack. Whoever does must tell how it went: `answered` or `failed`. */
  begin(call: Call): Promise<Reply> {
    const refused = this.parts.refusal();
    if (refused !== undefined) return Promise.reject(refused);
    this.active.enter(call);
    const { clock } = this.parts;
    call.nowMs = clock.hold();
    const reply = sendSafely(this.stack, call);
    clock.letGo();
    return reply;
  }

  /** The call has its reply; it counts as under way until the body has ended. */
  answered(call: Call, reply: Reply): void {
    if (reply.ending !== undefined) this.over(call);
    else reply.onEnd(() => this.over(call));
  }

  private over(call: Call): void {
    this.active.leave(call);
    // A server may answer before it has read the whole request.
    call.body?.discard();
  }

  /** The call is over without a reply. Returns what its caller should be told. */
  failed(call: Call, error: unknown): unknown {
    this.active.leave(call);
    call.body?.discard(error);
    return withAttempts(error, call);
  }

  /** Policies of the stack by name, for what one call overrides. */
  policiesNamed(name: string): readonly Policy<Level>[] {
    const { perCall, perAttempt, perEndpoint } = this.settings.policies;
    return ([...perCall, ...perAttempt, ...perEndpoint] as Policy<Level>[]).filter((policy) => policy.name === name);
  }

  /** An endpoint for a request that takes its own way to it. */
  async pick(call: Call): Promise<Endpoint> {
    const refused = this.parts.refusal();
    if (refused !== undefined) throw refused;
    if (!this.endpoints.isReady) await this.endpoints.ready(call);
    const { view } = this.endpoints;
    const endpoint = this.picker.pick(view, call, this.parts.clock.now());
    if (endpoint !== undefined) return endpoint;
    throw new MeshError('ERR_MESH_UNAVAILABLE', `none of ${view.size} endpoints can take a request`, { service: this.name });
  }

  /** The way to the wire of an endpoint that is in use, opened if need be. */
  connect(endpoint: Endpoint): Connection {
    if (endpoint.connection === undefined) {
      endpoint.connection = this.parts.transport.connect(endpoint, this.transportScope);
      this.connected.add(endpoint);
    }
    return endpoint.connection as Connection;
  }

  get inUse(): boolean {
    return this.active.size > 0;
  }

  onIdle(listener: () => void): void {
    this.idleListeners.add(listener);
  }

  close(): void {
    this.endpoints.close();
    this.picker.close?.();
    this.inquiries.close();
    for (const endpoint of this.connected) this.retire(endpoint);
  }

  /** Nothing is in flight to the endpoint any more, and nothing will be. */
  private retire(endpoint: Endpoint): void {
    this.connected.delete(endpoint);
    for (const gate of endpoint.gates ?? []) {
      try {
        gate.dispose?.();
      } catch (error) {
        reportFaultOnce(gate, `a gate of ${this.name}`, error);
      }
    }
    endpoint.connection?.close();
    endpoint.connection = undefined;
  }
}
