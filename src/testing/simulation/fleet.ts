import type { Endpoint } from '../../core/endpoint.js';
import { ConfigError } from '../../core/errors.js';
import type { Reply } from '../../core/reply.js';
import type { Connection, Transport } from '../../transport/transport.js';
import { type MockRegistry, mockRegistry } from '../mock-registry.js';
import type { Distribution } from './distributions.js';
import { EndpointModel, type EndpointSurroundings } from './endpoint-model.js';
import { endpointSettings, type SimulatedEndpointOptions } from './endpoint-options.js';
import { Exchange } from './exchange.js';

/** The service that every simulation is about. */
export const SERVICE = 'simulated';

/** All endpoints of a simulation, the registry that names them, and the way to them. */
export class Fleet implements Transport {
  readonly registry: MockRegistry = mockRegistry({ [SERVICE]: [] });
  /** In the order in which they were added, the removed ones included. */
  readonly endpoints: EndpointModel[] = [];
  /** Connections that were made: of one client to one endpoint each, however many requests there are on it. */
  connections = 0;
  private readonly byName = new Map<string, EndpointModel>();

  constructor(
    private readonly surroundings: EndpointSurroundings,
    private readonly networkDelay: Distribution,
  ) {}

  /** @throws ConfigError that names the first bad option under `path`. */
  add(path: string, options: SimulatedEndpointOptions): EndpointModel[] {
    return endpointSettings(path, options, this.networkDelay).map((settings) => {
      if (this.byName.has(settings.name)) throw new ConfigError(`${path}.name`, 'a name that no other endpoint has', settings.name);
      const model = new EndpointModel(settings, this.endpoints.length, this.surroundings);
      this.endpoints.push(model);
      this.byName.set(settings.name, model);
      this.registry.add(SERVICE, model.instance);
      return model;
    });
  }

  /** @throws Error for a name that no endpoint has. */
  named(name: string): EndpointModel {
    const model = this.byName.get(name);
    if (model === undefined) throw new Error(`the simulation has no endpoint '${name}'`);
    return model;
  }

  connect({ id }: Endpoint): Connection {
    this.connections++;
    const model = this.named(id);
    const { clock } = this.surroundings;
    return {
      send: (call) =>
        new Promise<Reply>((resolve, reject) => {
          const exchange = new Exchange(call, model, clock, resolve, reject);
          call.waitsFor(exchange);
          exchange.start();
        }),
      close() {},
    };
  }
}
