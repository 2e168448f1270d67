import type { Timer } from '../core/clock.js';
import type { Announcement, DiscoveryHost, Lease } from '../core/discovery.js';
import { ConfigError, MeshError } from '../core/errors.js';
import { Backoff } from '../discovery/backoff.js';
import type { Announcements } from './announcements.js';

/**
 * An announcement that does not give up: a registry that is down when a server starts must not keep it from serving,
 * nor from being found once the registry is back. What follows the first success, the registry's own lease does.
 */
export class SteadyAnnouncement {
  private readonly backoff: Backoff;
  private timer: Timer | undefined = undefined;
  private attempt: Promise<Lease | undefined> = Promise.resolve(undefined);
  private closing: Promise<void> | undefined = undefined;
  private failed = false;
  private settle: { resolve(): void; reject(error: unknown): void } = { resolve() {}, reject() {} };

  constructor(
    private readonly announcement: Announcement,
    private readonly id: string,
    private readonly announcements: Announcements,
    private readonly host: DiscoveryHost,
    private readonly isPatient: boolean,
  ) {
    this.backoff = new Backoff(host.random);
  }

  /** Resolves once the instance is in the registry. Rejects when it never will be. */
  begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.try();
    });
  }

  /** Tries no more, and takes the instance out where it is in. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private try(): void {
    const { service } = this.announcement;
    this.attempt = this.announcements.announce(this.announcement).then(
      (lease) => {
        if (this.failed) this.host.announced(service, this.id);
        this.settle.resolve();
        return lease;
      },
      (error) => {
        this.again(error);
        return undefined;
      },
    );
  }

  private again(error: unknown): void {
    if (this.closing !== undefined || !this.isPatient || isFinal(error)) {
      this.settle.reject(error);
      return;
    }
    // Once, and not at every attempt.
    if (!this.failed) this.host.announcementFailed(this.announcement.service, this.id, error);
    this.failed = true;
    this.timer = this.host.clock.setTimer(() => this.try(), this.backoff.nextMs());
    this.timer.unref();
  }

  private async end(): Promise<void> {
    this.timer?.cancel();
    const lease = await this.attempt;
    this.settle.reject(new MeshError('ERR_MESH_CLOSED', 'the announcement was taken back', { service: this.announcement.service }));
    await lease?.close();
  }
}

/** Whether no later attempt can fare better. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof ConfigError || (error instanceof MeshError && (error.code === 'ERR_MESH_CLOSED' || error.code === 'ERR_MESH_CONFIG'))
  );
}
