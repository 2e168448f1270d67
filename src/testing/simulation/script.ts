import { numberIn } from '../../core/options-check.js';
import type { MockRegistry } from '../mock-registry.js';
import { type Distribution, distributionOf } from './distributions.js';
import type { EndpointFault, EndpointModel, FastFailures } from './endpoint-model.js';
import { type SimulatedEndpointOptions, speedOf, workTimesOf } from './endpoint-options.js';
import { SimulatedEvent } from './event-heap.js';
import { type Fleet, SERVICE } from './fleet.js';
import type { Traffic } from './traffic.js';

/** An endpoint, as a script takes hold of it. */
export interface SimulatedEndpoint {
  readonly name: string;
  /** Requests in its queue and at work. */
  readonly inSystem: number;
  /**
   * Makes it faster or slower from now on, what is left of the work under way included. 1 is the speed of its service
   * times, 0 stands still.
   */
  setSpeed(speed: number): void;
  /** Has requests that it begins from now on take other times, in milliseconds at speed 1. */
  setServiceMs(serviceMs: SimulatedEndpointOptions['serviceMs']): void;
  /**
   * Takes it down; what it has is lost. From now on it refuses connections (`refuse`), breaks them (`reset`), or lets
   * nothing be heard of what it is sent (`hang`). It stays in the registry. Default 'refuse'.
   */
  crash(fault?: EndpointFault): void;
  /** Brings it up again, with an empty queue, and cold where it has a `coldStart`. */
  restart(): void;
  /** Has it fail requests without any work, as a process does that lost its database. */
  fail(failures?: FastFailures): void;
  /** Ends what `fail` began. */
  recover(): void;
}

/** The simulation, as a script takes hold of it. */
export interface SimulationControl {
  /** The virtual time, in milliseconds since the beginning. */
  readonly nowMs: number;
  /** All endpoints, in the order in which they were added. */
  readonly endpoints: readonly SimulatedEndpoint[];
  /** What names the endpoints to the clients: it can fail, recover, come back empty. */
  readonly registry: MockRegistry;
  /** The service's name in that registry. */
  readonly service: string;
  /** One endpoint by name. @throws Error for a name that none has. */
  endpoint(name: string): SimulatedEndpoint;
  /** Adds an endpoint, or several of a kind, which are cold where they have a `coldStart`. @throws ConfigError */
  add(options: SimulatedEndpointOptions): void;
  /** Takes an endpoint out of the registry; it finishes what it has. */
  remove(name: string): void;
  /** Has requests come differently from now on. */
  setArrivals(arrivals: Distribution): void;
}

/** Something that happens at a time. */
export interface ScriptedEvent {
  readonly atMs: number;
  readonly action: (simulation: SimulationControl) => void;
}

/**
 * Plans something for a time of a simulation.
 *
 * @param ms of virtual time since the beginning; at least 0.
 * @throws ConfigError for a time out of its range.
 * @example
 * simulate({ ..., events: [at(10_000, ({ endpoint }) => endpoint('users-1').crash()), at(20_000, ({ endpoint }) => endpoint('users-1').restart())] });
 */
export function at(ms: number, action: (simulation: SimulationControl) => void): ScriptedEvent {
  return { atMs: numberIn('at', ms, 0, Number.MAX_VALUE, 'milliseconds'), action };
}

/** Runs one action of the script. */
export class ScriptEvent extends SimulatedEvent {
  constructor(private readonly run: () => void) {
    super();
  }

  fire(): boolean {
    this.run();
    return true;
  }
}

/** What a script is handed. */
export function controlOf(fleet: Fleet, traffic: Traffic, now: () => number): SimulationControl {
  const handles = new Map<EndpointModel, SimulatedEndpoint>();
  const handle = (model: EndpointModel): SimulatedEndpoint => {
    let known = handles.get(model);
    if (known === undefined) {
      known = new EndpointHandle(model);
      handles.set(model, known);
    }
    return known;
  };
  return {
    get nowMs() {
      return now();
    },
    get endpoints() {
      return fleet.endpoints.map(handle);
    },
    registry: fleet.registry,
    service: SERVICE,
    endpoint: (name) => handle(fleet.named(name)),
    add(options) {
      for (const model of fleet.add('add', options)) model.comeUp();
    },
    remove: (name) => fleet.registry.remove(SERVICE, fleet.named(name).name),
    setArrivals: (arrivals) => traffic.setArrivals(distributionOf('setArrivals', arrivals)),
  };
}

class EndpointHandle implements SimulatedEndpoint {
  constructor(private readonly model: EndpointModel) {}

  get name(): string {
    return this.model.name;
  }

  get inSystem(): number {
    return this.model.inSystem;
  }

  setSpeed(speed: number): void {
    this.model.setSpeed(speedOf('setSpeed', speed));
  }

  setServiceMs(serviceMs: SimulatedEndpointOptions['serviceMs']): void {
    this.model.setServiceMs(workTimesOf('setServiceMs', serviceMs));
  }

  crash(fault: EndpointFault = 'refuse'): void {
    this.model.goDown(fault);
  }

  restart(): void {
    this.model.comeUp();
  }

  fail(failures: FastFailures = {}): void {
    this.model.setFailing(failures);
  }

  recover(): void {
    this.model.setFailing(undefined);
  }
}
