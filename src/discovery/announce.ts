import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.js';
import type { Announcement, DiscoveryHost, Lease } from '../core/discovery.js';
import { MeshError } from '../core/errors.js';
import { announcedInstance } from './announced-instance.js';
import { isMissing } from './instance-files.js';
import { type AnnouncedRecord, instanceFileName, isInstanceFile, parseRecord } from './instance-record.js';
import { Registration } from './registration.js';

/**
 * How an instance keeps itself in a folder.
 *
 * A file alone would outlive its process: nobody runs code after SIGKILL, or when the power goes. So the file says
 * until when it counts, and the instance has to say so again in time. A process that ends in an orderly way removes
 * its file; one that dies is missed within one lease, and its endpoint's breaker opens long before that.
 */

/** How leases are kept. */
export interface LeaseSettings {
  readonly leaseMs: number;
  readonly keepAlive: boolean;
}

/** An instance file is litter when its lease has been over for this many leases: its process was killed. */
const LITTER_AFTER_LEASES = 6;

/**
 * Announces an instance in a folder. Rejects with a ConfigError for an instance that nobody could reach, and with a
 * MeshError for a folder that cannot be written.
 */
export async function announceInFolder(
  folder: string,
  announcement: Announcement,
  { leaseMs, keepAlive }: LeaseSettings,
  host: DiscoveryHost,
): Promise<Lease> {
  const { service, id, url } = announcedInstance(announcement);
  const { weight, zone, metadata } = announcement;
  const file = new InstanceFile(folder, { service, url, id, weight, zone, metadata, leaseMs }, host.clock);
  const registration = new Registration({
    service,
    id,
    leaseMs,
    keepAlive,
    host,
    steps: {
      register: () => file.write(),
      // One that somebody deleted is there again with the next renewal.
      renew: () => file.write().then(() => true),
      remove: () => file.remove(),
    },
  });
  try {
    await registration.begin();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('ERR_MESH_DISCOVERY', `could not be announced in ${folder}: ${reason}`, { service, cause });
  }
  sweep(folder, host.clock).catch(() => {
    // Litter costs a little time at each poll and nothing else. The next announcement tries again.
  });
  return registration;
}

/**
 * The file of an announced instance. It is written under another name and then renamed, in the same folder, so that no
 * reader ever sees half of it.
 */
class InstanceFile {
  private readonly path: string;

  constructor(
    private readonly folder: string,
    private readonly record: Omit<AnnouncedRecord, 'renewedAt'>,
    private readonly clock: Clock,
  ) {
    this.path = join(folder, instanceFileName(record.service, record.id));
  }

  async write(): Promise<void> {
    // A name of its own for each writing: two processes may announce one instance.
    // The names must differ between processes, which a seeded source of chance would prevent.
    const temporary = join(this.folder, `.${randomUUID()}.tmp`);
    // Other processes compare this with their own clocks, so it is the time of day.
    const record: AnnouncedRecord = { ...this.record, renewedAt: this.clock.wallTime() };
    await mkdir(this.folder, { recursive: true });
    try {
      await writeFile(temporary, `${JSON.stringify(record)}\n`);
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async remove(): Promise<void> {
    try {
      await unlink(this.path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/** Removes the files of instances that died long ago, which nobody else will. */
async function sweep(folder: string, clock: Clock): Promise<void> {
  for (const file of (await readdir(folder)).filter(isInstanceFile)) {
    const path = join(folder, file);
    try {
      const text = await readFile(path, 'utf8');
      const { expiresAtMs } = parseRecord(text, clock);
      if (expiresAtMs === Number.POSITIVE_INFINITY) continue;
      const { leaseMs } = JSON.parse(text) as AnnouncedRecord;
      if (clock.now() > expiresAtMs + LITTER_AFTER_LEASES * leaseMs) await unlink(path);
    } catch {
      // Not ours, or gone already.
    }
  }
}
