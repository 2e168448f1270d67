import type { Clock } from './core/clock.js';
import type { DeadlineQueue } from './core/deadline-queue.js';
import type { Discovery } from './core/discovery.js';
import { MeshError } from './core/errors.js';
import type { ServiceCache } from './discovery/service-cache.js';
import type { Service } from './service.js';
import type { Transport } from './transport/transport.js';

/** What is there to close. */
export interface ShutDownParts {
  /** Announced instances and servers. */
  readonly leases: ReadonlySet<{ close(): Promise<void> }>;
  readonly cache: ServiceCache<Service>;
  /** Where the last good lists are kept. */
  readonly memory: { close(): Promise<void> } | undefined;
  readonly deadlines: DeadlineQueue;
  readonly transport: Transport;
  readonly discovery: Discovery;
  readonly clock: Clock;
}

/** A registry that does not answer must not keep a process from ending; its leases expire by themselves. */
const LEASES_MS = 5_000;
/** Nor a disk. */
const SNAPSHOT_MS = 2_000;

/**
 * Ends a mesh in the order in which nobody is hurt: first the announcements, so that others send nothing more;
 * then the calls under way, those in queues and between two attempts included, may finish within the grace;
 * then whatever is left is cancelled, and every watch, connection and timer goes.
 */
export async function shutDown(
  { leases, cache, memory, deadlines, transport, discovery, clock }: ShutDownParts,
  graceMs: number,
): Promise<void> {
  const takenBack = Promise.allSettled([...leases].map((lease) => closeOf(lease)));
  if (leases.size > 0) await within(LEASES_MS, takenBack, clock);
  await callsOver(cache, graceMs, clock);
  // While the lists are there.
  if (memory !== undefined) await within(SNAPSHOT_MS, memory.close(), clock);
  const closed = new MeshError('ERR_MESH_CLOSED', 'the mesh was closed while the call was under way');
  for (const service of cache.all()) service.active.cancelAll(closed);
  cache.close();
  deadlines.close();
  // Both are closed, also when the first one fails; their errors are for the caller.
  const ends = await Promise.allSettled([closeOf(transport), closeOf(discovery)]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function closeOf(part: { close?(): Promise<void> | void }): Promise<void> {
  await part.close?.();
}

/** Resolves when no call is under way, or the grace is over. */
function callsOver(cache: ServiceCache<Service>, graceMs: number, clock: Clock): Promise<unknown> {
  const inUse = () => cache.all().some((service) => service.inUse);
  if (graceMs === 0 || !inUse()) return Promise.resolve();
  const idle = new Promise<void>((resolve) => {
    for (const service of cache.all()) {
      service.onIdle(() => {
        if (!inUse()) resolve();
      });
    }
  });
  return within(graceMs, idle, clock);
}

/** Waits for `work`, but not for longer than `ms`. */
function within(ms: number, work: Promise<unknown>, clock: Clock): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(undefined), ms);
    work.then(() => {
      timer.cancel();
      resolve(undefined);
    });
  });
}
