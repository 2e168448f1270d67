import { systemClock } from '../../../src/core/clock.js';
import type { DiscoveryHost } from '../../../src/core/discovery.js';
import { systemRandom } from '../../../src/core/random.js';

/** A host with the machine's own time, which notes what it is told. */
export class RealHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly skippedEntries: { service: string; entry: string; reason: string }[] = [];
  /** What became of announcements: 'failed: reason', 'announced'. */
  readonly announcements: string[] = [];

  skipped(service: string, entry: string, reason: string): void {
    this.skippedEntries.push({ service, entry, reason });
  }
  announcementFailed(_service: string, _instance: string, error: unknown): void {
    this.announcements.push(`failed: ${error instanceof Error ? error.message : error}`);
  }
  announced(): void {
    this.announcements.push('announced');
  }
}
