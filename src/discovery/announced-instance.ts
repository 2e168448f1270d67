import type { Announcement } from '../core/discovery.js';
import type { Instance } from '../core/endpoint.js';
import { ConfigError } from '../core/errors.js';
import { knownKeys } from '../core/options-check.js';
import { describeEntry, parseInstance } from './instance.js';
import { insteadOfWildcard, isWildcard } from './wildcard-address.js';

/** An announcement that was checked, with everything filled in that it left out. */
export interface AnnouncedInstance extends Instance {
  /** The service that it is an instance of, as it was given. */
  readonly service: string;
  /** Where others reach it, as it was given. */
  readonly url: string;
}

const KEYS = ['service', 'url', 'id', 'weight', 'zone', 'metadata', 'announceTo'];

/**
 * Checks what an instance says of itself before a registry gets to see it: every registry announces what this returns.
 *
 * @throws ConfigError with the path of the field (`announce.url`) that would make an instance that nobody can call.
 * @example
 * const { service, id, hostname, port, weight, zone, metadata } = announcedInstance(announcement);
 */
export function announcedInstance(announcement: Announcement): AnnouncedInstance {
  knownKeys('announce', announcement, KEYS);
  const { service, url, id, weight, zone, metadata } = announcement;
  if (typeof service !== 'string' || service === '') throw new ConfigError('announce.service', "a service's name", service);
  // One field more at a time, so that an error is that of the field.
  checked('url', url, { url });
  checked('id', id, { url, id });
  checked('weight', weight, { url, weight });
  checked('zone', zone, { url, zone });
  const instance = checked('metadata', metadata, { url, id, weight, zone, metadata });
  if (isWildcard(instance.hostname)) throw new ConfigError('announce.url', insteadOfWildcard(instance), describeEntry(url));
  return { service, url, ...instance };
}

function checked(field: string, value: unknown, input: Parameters<typeof parseInstance>[0]): Instance {
  try {
    return parseInstance(input);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`announce.${field}`, `one that others can use (${reason})`, field === 'url' ? describeEntry(value) : value);
  }
}
