/**
 * ZooKeeper as a source of endpoints, and as a registry to announce to.
 *
 * @packageDocumentation
 */
import type { Discovery } from '../../core/discovery.js';
import { ZooKeeperDiscovery } from './discovery.js';
import { checkedSettings, type ZooKeeperDiscoveryOptions } from './options.js';

export { RegistryError } from '../registry-error.js';
export type { TlsOptions } from '../tls-options.js';
export type { ZooKeeperAcl, ZooKeeperAuth, ZooKeeperDiscoveryOptions } from './options.js';

/**
 * Services in ZooKeeper, in the layout of Curator's service discovery, which Spring Cloud ZooKeeper uses: a znode for
 * each service below `basePath`, with a child for each instance. Changes are pushed. Instances can be announced.
 *
 * Needs the package `node-zookeeper-client` (npm install node-zookeeper-client), which is loaded at the first use; an
 * error says so where it is missing.
 *
 * @throws ConfigError for an option that is out of its range.
 * @example
 * const mesh = createMesh({ discovery: zookeeperDiscovery({ servers: 'zk1:2181,zk2:2181,zk3:2181/prod' }) });
 * await mesh.announce({ service: 'users', url: 'http://10.0.0.5:8080', zone: 'eu-1a' });
 * await mesh.fetch('http://orders/7');
 */
export function zookeeperDiscovery(options: ZooKeeperDiscoveryOptions): Discovery {
  return new ZooKeeperDiscovery(checkedSettings(options));
}
