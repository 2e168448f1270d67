import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { InstanceInput } from '../core/discovery.js';
import { show } from '../core/errors.js';
import { idOfEntry } from './instance.js';

/** What one instance file of a folder says. */
export interface InstanceRecord {
  /** In lower case. */
  readonly service: string;
  readonly id: string;
  readonly instance: InstanceInput;
  /** The instance as text: what is compared to see whether it changed. */
  readonly text: string;
  /** When the lease is over unless it is renewed, by the mesh's clock; Infinity without a lease. */
  readonly expiresAtMs: number;
}

/** The content of an instance file that was announced. */
export interface AnnouncedRecord {
  readonly service: string;
  readonly url: string;
  readonly id: string;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly leaseMs: number;
  /** Milliseconds since 1970. */
  readonly renewedAt: number;
}

/** Whether a name in the folder is one of an instance: what starts with a dot is still being written. */
export function isInstanceFile(name: string): boolean {
  return name.endsWith('.json') && !name.startsWith('.');
}

/**
 * The file that an announced instance has. Names of services may hold any character, so the hash tells the
 * files apart, and what can be read of the name before it is for people.
 */
export function instanceFileName(service: string, id: string): string {
  const readable = service.replace(/[^\w-]/g, '_').slice(0, 40);
  const hash = createHash('sha256').update(`${service.toLowerCase()}\n${id}`).digest('hex').slice(0, 24);
  return `${readable}.${hash}.json`;
}

/**
 * Reads an instance file.
 *
 * The wall clock says how much of the lease is left when the file is read; from then on the mesh's own clock
 * counts. So a correction of the machine's time does not end every lease on it at once.
 *
 * @throws Error that says what is wrong with the file.
 */
export function parseRecord(text: string, clock: Clock): InstanceRecord {
  const content: unknown = JSON.parse(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error(`must be an object, got ${show(content)}`);
  const { service, url, id, weight, priority, zone, metadata, leaseMs, renewedAt } = content as Record<string, unknown>;
  if (typeof service !== 'string' || service === '') throw new Error(`service must be a name, got ${show(service)}`);
  if (typeof url !== 'string') throw new Error(`url must be a string, got ${show(url)}`);
  const instanceId = typeof id === 'string' ? id : (idOfEntry(url) ?? url);
  // What else is wrong with it is found, and reported, where the list is put together.
  const instance = { url, id: instanceId, weight, priority, zone, metadata } as InstanceInput;
  const expiresAtMs = leaseMs === undefined && renewedAt === undefined ? Number.POSITIVE_INFINITY : endOfLease(leaseMs, renewedAt, clock);
  return { service: service.toLowerCase(), id: instanceId, instance, text: JSON.stringify(instance), expiresAtMs };
}

function endOfLease(leaseMs: unknown, renewedAt: unknown, clock: Clock): number {
  if (typeof leaseMs !== 'number' || !(leaseMs > 0) || typeof renewedAt !== 'number') {
    throw new Error(`leaseMs and renewedAt must be numbers of milliseconds, got ${show(leaseMs)} and ${show(renewedAt)}`);
  }
  // A time in the future is another clock's: it earns no more than a whole lease.
  return clock.now() + Math.min(leaseMs, renewedAt + leaseMs - clock.wallTime());
}
