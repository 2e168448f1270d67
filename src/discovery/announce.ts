import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../core/clock.js';
import type { Announcement, DiscoveryHost, Lease } from '../core/discovery.js';
import { ConfigError, MeshError } from '../core/errors.js';
import { reportFault } from '../core/events.js';
import { describeEntry, parseInstance } from './instance.js';
import { isMissing } from './instance-files.js';
import { type AnnouncedRecord, instanceFileName, isInstanceFile, parseRecord } from './instance-record.js';

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

/** Renewals in a lease: two may fail or come late before anybody takes the instance for dead. Eureka's proportion. */
const RENEWALS_PER_LEASE = 3;
/** Renewals come up to this share early, so that instances started together do not write together. */
const RENEWAL_JITTER = 0.2;
/** An instance file is litter when its lease has been over for this many leases: its process was killed. */
const LITTER_AFTER_LEASES = 6;

/**
 * An announced instance: a file that is written at once, renewed three times a lease, and removed at the end.
 *
 * It is written under another name and then renamed, in the same folder, so that no reader ever sees half of it.
 * One that somebody deleted is there again with the next renewal.
 */
export class FolderLease implements Lease {
  readonly id: string;
  private readonly path: string;
  private timer: Timer | undefined = undefined;
  private writing: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined = undefined;
  private failing = false;

  constructor(
    private readonly folder: string,
    private readonly record: Omit<AnnouncedRecord, 'renewedAt'>,
    private readonly keepAlive: boolean,
    private readonly host: DiscoveryHost,
  ) {
    this.id = record.id;
    this.path = join(folder, instanceFileName(record.service, record.id));
  }

  /** Writes the file for the first time. Rejects if it cannot be written. */
  async begin(): Promise<void> {
    await this.write();
    this.renewLater();
  }

  /** Removes the file. However often it is called, it happens once; rejects if the file cannot be removed. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.timer?.cancel();
    // A renewal under way would bring the file back.
    await this.writing;
    try {
      await unlink(this.path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** The next renewal is counted from the end of the last: a slow disk gets no queue of them. */
  private renewLater(): void {
    if (this.closing !== undefined) return;
    const { clock, random } = this.host;
    const delayMs = (this.record.leaseMs / RENEWALS_PER_LEASE) * (1 - RENEWAL_JITTER * random.next());
    this.timer = clock.setTimer(() => this.renew(), delayMs);
    if (!this.keepAlive) this.timer.unref();
  }

  private renew(): void {
    this.writing = this.write().then(
      () => {
        this.failing = false;
        this.renewLater();
      },
      (error) => {
        // Once for each time that it begins to fail, not at every renewal.
        if (!this.failing) reportFault(`the renewal of '${this.record.service}' in ${this.folder}`, error);
        this.failing = true;
        this.renewLater();
      },
    );
  }

  private async write(): Promise<void> {
    // A name of its own for each writing: two processes may announce one instance.
    // The names must differ between processes, which a seeded source of chance would prevent.
    const temporary = join(this.folder, `.${randomUUID()}.tmp`);
    // Other processes compare this with their own clocks, so it is the time of day.
    const record: AnnouncedRecord = { ...this.record, renewedAt: this.host.clock.wallTime() };
    await mkdir(this.folder, { recursive: true });
    try {
      await writeFile(temporary, `${JSON.stringify(record)}\n`);
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

/** Announces an instance in a folder. Rejects with a MeshError for an instance that nobody could reach, or a folder that cannot be written. */
export async function announceInFolder(
  folder: string,
  announcement: Announcement,
  { leaseMs, keepAlive }: LeaseSettings,
  host: DiscoveryHost,
): Promise<FolderLease> {
  const { service, url, weight, zone, metadata } = announcement;
  if (typeof service !== 'string' || service === '') throw new ConfigError('announce.service', "a service's name", service);
  const id = checkedInstanceId(announcement);
  const lease = new FolderLease(folder, { service, url, id, weight, zone, metadata, leaseMs }, keepAlive, host);
  try {
    await lease.begin();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('ERR_MESH_DISCOVERY', `could not be announced in ${folder}: ${reason}`, { service, cause });
  }
  sweep(folder, host.clock).catch(() => {
    // Litter costs a little time at each poll and nothing else. The next announcement tries again.
  });
  return lease;
}

function checkedInstanceId({ url, id, weight, zone, metadata }: Announcement): string {
  let instance: ReturnType<typeof parseInstance>;
  try {
    instance = parseInstance({ url, id, weight, zone, metadata });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('announce', `an instance that others can reach (${reason})`, describeEntry(url));
  }
  if (instance.hostname === '0.0.0.0' || instance.hostname === '::') {
    throw new ConfigError(
      'announce.url',
      'the address where others reach the instance, not the wildcard that it listens on',
      describeEntry(url),
    );
  }
  return instance.id;
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
