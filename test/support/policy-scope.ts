import { DeadlineQueue } from '../../src/core/deadline-queue.js';
import { Endpoint } from '../../src/core/endpoint.js';
import { EndpointView } from '../../src/core/endpoint-view.js';
import { EventEmitter, type MeshEventName, type MeshEvents } from '../../src/core/events.js';
import type { Gate } from '../../src/core/gate.js';
import type { EndpointScope, Level, Policy, Send, ServiceScope } from '../../src/core/policy.js';
import type { Random } from '../../src/core/random.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { FarEnd } from './fake-send.js';

/** A service around policies under test: virtual time, seeded chance, and a far end to talk to. */
export class Surroundings {
  readonly clock = new VirtualClock();
  readonly far = new FarEnd(this.clock);
  readonly events = new EventEmitter();
  readonly deadlines = new DeadlineQueue(this.clock);
  readonly view = new EndpointView({ ejected() {}, recovered() {} });
  readonly random: Random;

  constructor({ seed = 1, random }: { readonly seed?: number; readonly random?: Random } = {}) {
    this.random = random ?? seededRandom(seed);
  }

  get service(): ServiceScope {
    const { clock, random, events, deadlines, view } = this;
    return { service: 'users', clock, random, events, deadlines, endpoints: view };
  }

  perCall(policy: Policy<'call'>, next: Send = this.far.send): Send {
    return policy(next, { ...this.service, level: 'call' });
  }

  perAttempt(policy: Policy<'attempt'>, next: Send = this.far.send): Send {
    return policy(next, { ...this.service, level: 'attempt' });
  }

  perEndpoint(
    policy: Policy<'endpoint'>,
    endpoint: Endpoint,
    next: Send = this.far.send,
  ): { readonly send: Send; readonly gates: readonly Gate[] } {
    const gates: Gate[] = [];
    const scope: EndpointScope = {
      ...this.service,
      level: 'endpoint',
      endpoint,
      addGate: (_name, makeGate) => gates.push(makeGate(this.view.shutterFor(endpoint), scope)),
    };
    return { send: policy(next, scope), gates };
  }

  /** Adds an endpoint that can be picked at once. */
  endpoint(id: string): Endpoint {
    const endpoint = makeEndpoint(id);
    this.view.add(endpoint);
    return endpoint;
  }

  /** Notes the events of one kind from now on. */
  hear<Name extends MeshEventName>(name: Name): MeshEvents[Name][] {
    const heard: MeshEvents[Name][] = [];
    this.events.on(name, (event) => heard.push(event));
    return heard;
  }
}

export function makeEndpoint(id: string): Endpoint {
  return new Endpoint({
    id,
    protocol: 'http:',
    hostname: id,
    port: 80,
    basePath: '',
    weight: 1,
    priority: 0,
    zone: undefined,
    metadata: {},
  });
}

/** The error that building a policy at a level throws. */
export function errorAt(level: Level, policy: Policy): unknown {
  try {
    policy.validate?.(level);
  } catch (error) {
    return error;
  }
  return undefined;
}
