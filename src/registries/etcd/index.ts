/**
 * etcd 3.4 or later as a source of endpoints, and as a registry to announce to.
 *
 * @packageDocumentation
 */
import type { Discovery, DiscoveryHost } from '../../core/discovery.js';
import { announcedInstance } from '../../discovery/announced-instance.js';
import { Registration } from '../../discovery/registration.js';
import { ServerLiveness } from '../server-liveness.js';
import { KeyAnnouncement } from './announcement.js';
import { type EtcdDiscoveryOptions, etcdSettings } from './etcd-settings.js';
import { Gateway } from './gateway.js';
import { type MemberWatcher, ServiceWatch } from './service-watch.js';

export { RegistryError } from '../registry-error.js';
export type { TlsOptions } from '../tls-options.js';
export type { EtcdDiscoveryOptions } from './etcd-settings.js';

/** What all watches and announcements of one mesh share. */
interface Connection {
  readonly gateway: Gateway;
  readonly liveness: ServerLiveness<MemberWatcher>;
  readonly watches: Set<ServiceWatch>;
}

/**
 * A source that watches keys in etcd, and announces there. It needs no client package: it speaks with the JSON gateway
 * that every member has.
 *
 * The instances of `users` are the keys that begin with `services/users/`. Their values are the JSON of Go's
 * `naming/endpoints`, so that Go services which entered themselves are found, and ours by them.
 *
 * @throws ConfigError for an option that is unknown or out of its range.
 * @example
 * import { createMesh } from 'fetchmesh';
 * import { etcdDiscovery } from 'fetchmesh/etcd';
 *
 * const mesh = createMesh({
 *   discovery: etcdDiscovery({ endpoints: ['http://10.0.0.1:2379', 'http://10.0.0.2:2379'], prefix: 'services/' }),
 * });
 */
export function etcdDiscovery(options: EtcdDiscoveryOptions = {}): Discovery {
  const settings = etcdSettings(options);
  // Clock and chance are the mesh's, so each mesh has connections of its own.
  const connections = new Map<DiscoveryHost, Connection>();
  const connectionOf = (host: DiscoveryHost): Connection => {
    let connection = connections.get(host);
    if (connection === undefined) {
      const gateway = new Gateway(settings, host);
      const liveness = new ServerLiveness<MemberWatcher>(host, settings.livenessMs, (server, { purpose }, signal) =>
        gateway.probe(server, purpose, signal),
      );
      connection = { gateway, liveness, watches: new Set() };
      connections.set(host, connection);
    }
    return connection;
  };
  return {
    name: 'etcd',
    watch(service, sink, host) {
      const { gateway, liveness, watches } = connectionOf(host);
      const watch = new ServiceWatch(service, sink, gateway, liveness);
      watches.add(watch);
      watch.start();
      return () => {
        watches.delete(watch);
        watch.stop();
      };
    },
    async announce(announcement, host) {
      const instance = announcedInstance(announcement);
      const { service, id } = instance;
      const { leaseMs, keepAlive } = settings;
      const steps = new KeyAnnouncement(instance, connectionOf(host).gateway);
      const registration = new Registration({ service, id, leaseMs, keepAlive, host, steps });
      await registration.begin();
      return registration;
    },
    close() {
      for (const { gateway, liveness, watches } of connections.values()) {
        for (const watch of watches) watch.stop();
        liveness.stop();
        gateway.close();
      }
      connections.clear();
    },
  };
}
