import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import { systemRandom } from '../../../src/core/random.js';
import type { Discovery, DiscoveryHost } from '../../../src/index.js';
import { type ZooKeeperDiscoveryOptions, zookeeperDiscovery } from '../../../src/registries/zookeeper/index.js';
import { RecordingSink, until } from '../../discovery/recording-sink.js';

/** Keeps what a source reports. */
export class RecordingHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly reports: string[] = [];

  skipped(service: string, entry: string, reason: string): void {
    this.reports.push(`skipped ${service} ${entry}: ${reason}`);
  }

  announcementFailed(service: string, instance: string, error: unknown): void {
    this.reports.push(`failed ${service} ${instance}: ${error}`);
  }

  announced(service: string, instance: string): void {
    this.reports.push(`announced ${service} ${instance}`);
  }

  /** Waits until something is reported. */
  async reported(pattern: RegExp): Promise<void> {
    await until(() => this.reports.some((report) => pattern.test(report)), `a report like ${pattern}, in ${this.reports.join('\n')}`);
  }
}

/** A source as a user makes it, closed after the test. */
export function sourceOf(test: TestContext, options: ZooKeeperDiscoveryOptions): Discovery {
  const source = zookeeperDiscovery({ sessionTimeoutMs: 4_000, requestTimeoutMs: 2_000, ...options });
  test.after(() => source.close?.());
  return source;
}

/** Watches a service until the end of the test. */
export function watching(
  test: TestContext,
  source: Discovery,
  service: string,
): { sink: RecordingSink; host: RecordingHost; stop(): void } {
  const sink = new RecordingSink();
  const host = new RecordingHost();
  const stop = source.watch(service, sink, host);
  test.after(stop);
  return { sink, host, stop };
}

/** Waits until the list has exactly these ids. */
export async function listed(sink: RecordingSink, ...ids: readonly string[]): Promise<void> {
  const wanted = [...ids].sort().join();
  await until(() => sink.said.some(({ kind }) => kind !== 'failed') && sink.ids.join() === wanted, `the list ${wanted}`);
}

/** Waits for something that has to be asked for, or that takes a busy machine a while. */
export async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > 40_000) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a source's session is known by: with it, somebody else can end the session, as a server's restart might. */
export function sessionOf(source: Discovery): { readonly id: Buffer; readonly password: Buffer } {
  const { session } = source as unknown as { session: { identity: { id: Buffer; password: Buffer } } };
  return session.identity;
}
