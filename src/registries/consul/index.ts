/**
 * Consul as a source of endpoints, and as a registry to announce to.
 *
 * @packageDocumentation
 */
import type { Clock } from '../../core/clock.js';
import type { Announcement, Discovery, DiscoveryHost, DiscoverySink, Lease, Stop } from '../../core/discovery.js';
import { Agents } from './agents.js';
import { announceToConsul } from './announcing.js';
import { type ConsulDiscoveryOptions, type ConsulSettings, consulSettings } from './options.js';
import { ServiceWatch } from './service-watch.js';

export { RegistryError } from '../registry-error.js';
export type { TlsOptions } from '../tls-options.js';
export type { ConsulDiscoveryOptions } from './options.js';

/**
 * A source that follows the health endpoint of a Consul agent by blocking queries, and announces instances as services
 * of the agent.
 *
 * @param options All of them have a default: `consulDiscovery()` asks the agent on this machine.
 * @throws ConfigError for an option that is out of its range.
 * @example
 * const mesh = createMesh({ discovery: consulDiscovery({ address: 'http://127.0.0.1:8500', tokenFile: '/run/secrets/consul' }) });
 * const lease = await mesh.announce({ service: 'users', url: 'http://10.0.0.1:8080', zone: 'eu-1a' });
 */
export function consulDiscovery(options: ConsulDiscoveryOptions = {}): Discovery {
  return new ConsulDiscovery(consulSettings(options));
}

class ConsulDiscovery implements Discovery {
  readonly name = 'consul';
  /** What all services of one mesh share; two meshes may have two clocks. */
  private readonly agents = new Map<Clock, Agents>();

  constructor(private readonly settings: ConsulSettings) {}

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    return new ServiceWatch(service, sink, host, this.agentsFor(host), this.settings).start();
  }

  announce(announcement: Announcement, host: DiscoveryHost): Promise<Lease> {
    return announceToConsul(announcement, host, this.agentsFor(host), this.settings);
  }

  close(): void {
    for (const agents of this.agents.values()) agents.close();
    this.agents.clear();
  }

  private agentsFor(host: DiscoveryHost): Agents {
    const known = this.agents.get(host.clock);
    if (known !== undefined) return known;
    const agents = new Agents(this.settings, host);
    this.agents.set(host.clock, agents);
    return agents;
  }
}
