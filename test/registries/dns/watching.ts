import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import type { DiscoveryHost, InstanceInput, SnapshotInfo } from '../../../src/core/discovery.js';
import { systemRandom } from '../../../src/core/random.js';
import { type DnsDiscoveryOptions, dnsDiscovery } from '../../../src/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';

/** A host on the machine's own clock, since the far end is real, too. */
class RealHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly skippedEntries: string[] = [];
  announcementFailed(): void {}
  announced(): void {}
  skipped(_service: string, entry: string): void {
    this.skippedEntries.push(entry);
  }
}

/** Notes when each list came. */
export class TimingSink extends RecordingSink {
  readonly listsAtMs: number[] = [];

  override snapshot(instances: readonly InstanceInput[], info?: SnapshotInfo): void {
    this.listsAtMs.push(performance.now());
    super.snapshot(instances, info);
  }
}

/** Watches a service in DNS until the test is over. */
export function watchDns(test: TestContext, options: DnsDiscoveryOptions, service = 'users') {
  const discovery = dnsDiscovery({ timeoutMs: 1_000, minTtlMs: 200, negativeTtlMs: 200, ...options });
  const sink = new TimingSink();
  const host = new RealHost();
  const stop = discovery.watch(service, sink, host);
  test.after(stop);
  return { discovery, sink, host, stop };
}

/** The instances of a list, as `url weight priority`. */
export function entriesOf(sink: RecordingSink): string[] {
  return [...sink.list.values()].map((each) => (typeof each === 'string' ? each : `${each.url} ${each.weight} ${each.priority}`)).sort();
}
