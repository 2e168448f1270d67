import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import type { Discovery, DiscoveryHost } from '../../../src/core/discovery.js';
import { systemRandom } from '../../../src/core/random.js';
import type { KubernetesDiscoveryOptions } from '../../../src/registries/kubernetes/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';
import type { Kubernetes } from '../servers/kubernetes.js';

/** A host on the machine's own clock, since the far end is real, too. */
export class RealHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly skippedEntries: { readonly entry: string; readonly reason: string }[] = [];
  announcementFailed(): void {}
  announced(): void {}
  skipped(_service: string, entry: string, reason: string): void {
    this.skippedEntries.push({ entry, reason });
  }
}

/** Watches a service with a sink that notes everything, until the test is over. */
export function watch(
  test: TestContext,
  discovery: Discovery,
  service = 'users',
): { readonly sink: RecordingSink; readonly host: RealHost } {
  const sink = new RecordingSink();
  const host = new RealHost();
  const stop = discovery.watch(service, sink, host);
  test.after(() => {
    stop();
    return discovery.close?.();
  });
  return { sink, host };
}

/** The errors that a sink was told, as text. */
export function failuresOf(sink: RecordingSink): string[] {
  return sink.said.flatMap(({ kind, error }) => (kind === 'failed' ? [error instanceof Error ? error.message : String(error)] : []));
}

/** Options that lead to a server as its administrator. */
export function asAdmin(kubernetes: Kubernetes): KubernetesDiscoveryOptions {
  return { server: kubernetes.address, token: kubernetes.adminToken, caFile: kubernetes.certificates.caFile };
}
