/**
 * Eureka as a source of endpoints, and as a registry to announce to.
 *
 * @packageDocumentation
 */
import type { Discovery } from '../../core/discovery.js';
import { announceInEureka } from './announce.js';
import { SOURCE } from './eureka-api.js';
import { type EurekaDiscoveryOptions, eurekaSettings } from './options.js';
import { RegistryReader } from './registry-reader.js';

export { RegistryError } from '../registry-error.js';
export type { TlsOptions } from '../tls-options.js';
export type { EurekaDiscoveryOptions } from './options.js';

/**
 * A source that reads services from Eureka, Netflix's or Spring Cloud's, and announces to it, over its REST interface.
 *
 * All services of a source share one request every `fetchMs`, which asks for what has changed. Only instances that are
 * UP get requests. Names are told apart without regard to case, since Eureka keeps them in upper case.
 *
 * @throws ConfigError for an option that is out of its range.
 * @example
 * const mesh = createMesh({ discovery: eurekaDiscovery({ servers: ['http://10.0.0.5:8761/eureka'] }) });
 * const lease = await mesh.announce({ service: 'users', url: 'http://10.0.0.1:8080' });
 * await mesh.fetch('http://users/users/42');
 */
export function eurekaDiscovery(options: EurekaDiscoveryOptions = {}): Discovery {
  const settings = eurekaSettings(options);
  let reader: RegistryReader | undefined;
  return {
    name: SOURCE,
    propagationMs: settings.fetchMs + settings.serverCacheMs,
    watch(service, sink, host) {
      reader ??= new RegistryReader(settings, host);
      return reader.watch(service, sink, host);
    },
    announce: (announcement, host) => announceInEureka(announcement, settings, host),
    close() {
      reader?.close();
      reader = undefined;
    },
  };
}
