import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { ConfigError } from '../../core/errors.js';
import type { AnnouncedInstance } from '../../discovery/announced-instance.js';
import { CONTEXT_PATH, ID, RESERVED_KEYS, WEIGHT, ZONE } from './metadata-keys.js';
import type { EurekaSettings } from './options.js';

/** An announced instance as Eureka keeps it, in the fields that its clients in every language read. */

/** The application that a service is in Eureka. */
export function applicationOf(service: string): string {
  return service.toUpperCase();
}

/**
 * The id in Eureka. It stands in the path of every heartbeat, where servers refuse slashes, semicolons and percent signs,
 * so the address that is an instance's id elsewhere becomes `host:service:port` here, as Spring Cloud has it. What another
 * id loses by being made fit for a path, its hash replaces.
 */
export function instanceIdOf({ service, hostname, port, basePath, id, url }: AnnouncedInstance, isGiven: boolean): string {
  const wanted = isGiven ? id : `${hostname}:${service}:${port}${basePath}`;
  const fit = wanted.replace(/[^\w.:-]/g, '_').slice(0, 200);
  if (fit === wanted && fit !== '.' && fit !== '..') return fit;
  const hash = createHash('sha256')
    .update(isGiven ? id : `${url}\n${service}`)
    .digest('hex');
  return `${fit}.${hash.slice(0, 12)}`;
}

/** @throws ConfigError for metadata under keys that mean something else to readers. */
export function checkMetadata({ metadata }: AnnouncedInstance): void {
  for (const key of Object.keys(metadata)) {
    if (!RESERVED_KEYS.has(key)) continue;
    throw new ConfigError(
      `announce.metadata.${key}`,
      `under another key: in Eureka, ${[...RESERVED_KEYS].join(', ')} have a meaning`,
      metadata[key],
    );
  }
}

/** The body of a registration. `dirtyAt` tells this registration from earlier ones. */
export function entryOf(
  instance: AnnouncedInstance,
  instanceId: string,
  { leaseMs, zone: defaultZone }: Pick<EurekaSettings, 'leaseMs' | 'zone'>,
  dirtyAt: number,
): unknown {
  const { service, hostname, port, protocol, basePath, weight, metadata, id } = instance;
  const isSecure = protocol === 'https:';
  const zone = instance.zone ?? defaultZone;
  const leaseSeconds = Math.ceil(leaseMs / 1_000);
  const address = `${protocol}//${isIP(hostname) === 6 ? `[${hostname}]` : hostname}:${port}${basePath}`;
  return {
    instance: {
      instanceId,
      app: applicationOf(service),
      hostName: hostname,
      ipAddr: hostname,
      vipAddress: service,
      secureVipAddress: service,
      status: 'UP',
      port: { $: isSecure ? 80 : port, '@enabled': String(!isSecure) },
      securePort: { $: isSecure ? port : 443, '@enabled': String(isSecure) },
      homePageUrl: `${address}/`,
      statusPageUrl: `${address}/`,
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: Math.max(1, Math.floor(leaseSeconds / 3)), durationInSecs: leaseSeconds },
      metadata: {
        ...metadata,
        ...(weight !== 1 && { [WEIGHT]: String(weight) }),
        ...(zone !== undefined && { [ZONE]: zone }),
        ...(basePath !== '' && { [CONTEXT_PATH]: basePath }),
        ...(id !== instanceId && { [ID]: id }),
      },
      lastDirtyTimestamp: String(dirtyAt),
    },
  };
}
