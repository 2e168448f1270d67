import type { Announcement, DiscoveryHost, Lease } from '../../core/discovery.js';
import { announcedInstance } from '../../discovery/announced-instance.js';
import { Registration, type RegistrationSteps } from '../../discovery/registration.js';
import { applicationOf, checkMetadata, entryOf, instanceIdOf } from './announced-entry.js';
import { EurekaApi } from './eureka-api.js';
import type { EurekaServer, EurekaSettings } from './options.js';
import { parseRegistered } from './registered-instance.js';
import { EurekaServers } from './servers.js';

/**
 * Enters an instance and keeps it entered: heartbeats at a third of the lease, and a new registration when a heartbeat is
 * answered with 404, which is what a server says that restarted or let the lease run out.
 *
 * It is taken out with one DELETE. Setting its status to DOWN before that would be of no use: both go into the same window
 * of changes, and empty the same cache.
 */
export async function announceInEureka(announcement: Announcement, settings: EurekaSettings, host: DiscoveryHost): Promise<Lease> {
  const instance = announcedInstance(announcement);
  checkMetadata(instance);
  const instanceId = instanceIdOf(instance, announcement.id !== undefined);
  const path = `/apps/${encodeURIComponent(applicationOf(instance.service))}`;
  const instancePath = `${path}/${encodeURIComponent(instanceId)}`;
  const api = new EurekaApi(settings, host.clock);
  const servers = new EurekaServers(settings, host.clock, host.random);
  let dirtyAt = 0;

  /** When the entry that is there now was last changed: Eureka ignores a registration that is older than it. */
  async function changedAt(server: EurekaServer, signal: AbortSignal): Promise<number> {
    let changedAtMs = 0;
    const found = (json: string): void => {
      changedAtMs = parseRegistered(json, '', settings).dirtyAt;
    };
    await api.list(server, instancePath, found, { signal, expected: [404] });
    return changedAtMs;
  }

  const steps: RegistrationSteps = {
    register: (signal) =>
      servers.ask(signal, async (server) => {
        dirtyAt = Math.max(host.clock.wallTime(), (await changedAt(server, signal)) + 1);
        const json = entryOf(instance, instanceId, settings, dirtyAt);
        await api.send(server, { method: 'POST', path, signal, json }, [200, 204]);
      }),
    renew: (signal) =>
      servers.ask(signal, async (server) => {
        const query = `?status=UP&lastDirtyTimestamp=${dirtyAt}`;
        return (await api.send(server, { method: 'PUT', path: instancePath + query, signal }, [200, 404])) === 200;
      }),
    remove: (signal) =>
      servers.ask(signal, async (server) => {
        await api.send(server, { method: 'DELETE', path: instancePath, signal }, [200, 404]);
      }),
  };
  const { leaseMs, keepAlive } = settings;
  const registration = new Registration({ service: instance.service, id: instance.id, leaseMs, keepAlive, host, steps });
  try {
    await registration.begin();
  } catch (error) {
    api.close();
    throw error;
  }
  return {
    id: registration.id,
    async close() {
      try {
        await registration.close();
      } finally {
        api.close();
      }
    },
  };
}
