import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import type { Discovery, DiscoveryHost } from '../../../src/core/discovery.js';
import { systemRandom } from '../../../src/core/random.js';
import { type EtcdDiscoveryOptions, etcdDiscovery } from '../../../src/registries/etcd/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';

/** A mesh's side of a source, on real time, which notes what it is told. */
export class NotingHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly skippedEntries: { service: string; entry: string; reason: string }[] = [];
  readonly announcements: { kind: 'failed' | 'announced'; instance: string; error?: unknown }[] = [];

  skipped(service: string, entry: string, reason: string): void {
    this.skippedEntries.push({ service, entry, reason });
  }
  announcementFailed(_service: string, instance: string, error: unknown): void {
    this.announcements.push({ kind: 'failed', instance, error });
  }
  announced(_service: string, instance: string): void {
    this.announcements.push({ kind: 'announced', instance });
  }
}

export interface SourceInTest {
  readonly discovery: Discovery;
  readonly host: NotingHost;
  /** Watches a service until the test is over. */
  watch(service: string): RecordingSink;
}

/** A source that is closed after the test. */
export function sourceInTest(test: TestContext, options: EtcdDiscoveryOptions): SourceInTest {
  const discovery = etcdDiscovery(options);
  const host = new NotingHost();
  test.after(() => discovery.close?.());
  return {
    discovery,
    host,
    watch: (service) => {
      const sink = new RecordingSink();
      discovery.watch(service, sink, host);
      return sink;
    },
  };
}

/** The messages of all failures that a sink heard of. */
export function failuresOf(sink: RecordingSink): readonly string[] {
  return sink.said.filter(({ kind }) => kind === 'failed').map(({ error }) => (error instanceof Error ? error.message : String(error)));
}

/** How often a sink was given a whole list. */
export function snapshotsOf(sink: RecordingSink): number {
  return sink.said.filter(({ kind }) => kind === 'snapshot').length;
}
