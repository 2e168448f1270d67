import type { Announcement, DiscoveryHost, Lease } from '../../core/discovery.js';
import type { Instance } from '../../core/endpoint.js';
import { MeshError } from '../../core/errors.js';
import { announcedInstance } from '../../discovery/announced-instance.js';
import { Registration, type RegistrationSteps } from '../../discovery/registration.js';
import { RegistryError } from '../registry-error.js';
import type { AgentRequest, Agents } from './agents.js';
import { agentPath } from './health-query.js';
import type { ConsulSettings } from './options.js';
import { detailsOfInstance } from './service-meta.js';

/**
 * Announces an instance as a service of an agent, with a TTL check that it renews. When the agent does not know it any
 * more (it was restarted with nothing), it is entered again; when the agent is gone, it is entered with another one,
 * and taken from the first as soon as that is back.
 *
 * @throws ConfigError for an instance that nobody could call, RegistryError when Consul cannot be told.
 */
export async function announceToConsul(
  announcement: Announcement,
  host: DiscoveryHost,
  agents: Agents,
  settings: ConsulSettings,
): Promise<Lease> {
  const { service, ...instance } = announcedInstance(announcement);
  const { leaseMs, keepAlive } = settings;
  const steps = new AgentService(service, instance, agents, settings);
  const registration = new Registration({ service, id: instance.id, leaseMs, keepAlive, host, steps });
  await registration.begin();
  return registration;
}

/** An instance as a service of an agent. */
class AgentService implements RegistrationSteps {
  /** The agent's other services must not have it, and a second registration of the instance must: it replaces the first. */
  private readonly id: string;
  private readonly definition: object;
  private readonly permission: string;
  private agent: string | undefined = undefined;
  /** Agents that were left while they could not be asked: they may still have the instance, or have it again. */
  private readonly left = new Set<string>();

  constructor(
    service: string,
    instance: Instance,
    private readonly agents: Agents,
    private readonly settings: ConsulSettings,
  ) {
    this.id = `${service}:${instance.id}`;
    this.permission = `service:write on "${service}"`;
    this.definition = definitionOf(this.id, service, instance, settings);
  }

  async register(signal: AbortSignal): Promise<void> {
    const { servers } = this.agents;
    for (let failures = 1; ; failures++) {
      const server = this.agent ?? servers.current;
      try {
        const path = agentPath('/v1/agent/service/register', this.settings, { 'replace-existing-checks': 'true' });
        await this.agents.command(this.put(server, path, signal, this.definition));
        this.agent = server;
        this.left.delete(server);
        return;
      } catch (error) {
        if (signal.aborted || isRefusal(error)) throw error;
        // A request that got lost may have arrived.
        this.leave(server);
        if (failures >= servers.size) throw error;
      }
    }
  }

  async renew(signal: AbortSignal): Promise<boolean> {
    const server = this.agent;
    if (server === undefined) return false;
    this.tidyUp(signal);
    const path = agentPath(`/v1/agent/check/pass/${encodeURIComponent(checkId(this.id))}`, this.settings);
    try {
      await this.agents.command(this.put(server, path, signal));
      return true;
    } catch (error) {
      if (isUnknown(error)) return false;
      if (signal.aborted || this.agents.servers.size === 1 || isRefusal(error)) throw error;
      this.leave(server);
      await this.register(signal);
      return true;
    }
  }

  async remove(signal: AbortSignal): Promise<void> {
    await Promise.allSettled([...this.left].filter((server) => server !== this.agent).map((server) => this.deregister(server, signal)));
    if (this.agent !== undefined) await this.deregister(this.agent, signal);
  }

  private leave(server: string): void {
    this.agents.servers.failed(server);
    this.left.add(server);
    this.agent = undefined;
  }

  /** Takes the instance from agents that were left, as soon as they can be asked again. Nobody waits for it. */
  private tidyUp(signal: AbortSignal): void {
    for (const server of this.left) {
      this.deregister(server, signal).then(
        () => this.left.delete(server),
        () => {
          // The agent is still away: the next renewal tries again.
        },
      );
    }
  }

  private async deregister(server: string, signal: AbortSignal): Promise<void> {
    const path = agentPath(`/v1/agent/service/deregister/${encodeURIComponent(this.id)}`, this.settings);
    try {
      await this.agents.command(this.put(server, path, signal));
    } catch (error) {
      if (!isUnknown(error)) throw error;
    }
  }

  private put(server: string, path: string, signal: AbortSignal, body?: object): AgentRequest {
    return { server, path, method: 'PUT', body, signal, permission: this.permission };
  }
}

function definitionOf(ID: string, Name: string, instance: Instance, settings: ConsulSettings): object {
  const { zoneKey, announceTags, leaseMs, deregisterAfterMs } = settings;
  return {
    ID,
    Name,
    Tags: announceTags,
    Address: instance.hostname,
    Port: instance.port,
    ...details(Name, instance, zoneKey),
    Check: {
      CheckID: checkId(ID),
      Name: 'Renewed by the instance',
      TTL: `${leaseMs}ms`,
      // Consul takes a new check for critical until it hears otherwise.
      Status: 'passing',
      DeregisterCriticalServiceAfter: `${deregisterAfterMs}ms`,
    },
  };
}

function details(service: string, instance: Instance, zoneKey: string): object {
  try {
    return detailsOfInstance(instance, zoneKey);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('ERR_MESH_DISCOVERY', `could not be announced to consul: ${reason}`, { service, cause });
  }
}

function checkId(serviceId: string): string {
  return `service:${serviceId}`;
}

/** Older agents answer 500. */
function isUnknown(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  return error.status === 404 || (error.status === 500 && /unknown (check|service)|does not have associated TTL/i.test(error.message));
}

/** Whether another agent would say the same. */
function isRefusal(error: unknown): boolean {
  return error instanceof RegistryError && error.status !== undefined && error.status < 500 && error.status !== 429;
}
