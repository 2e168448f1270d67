import type { TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.js';
import type { DiscoveryHost } from '../../../src/core/discovery.js';
import type { Random } from '../../../src/core/random.js';
import { type ConsulDiscoveryOptions, consulDiscovery } from '../../../src/registries/consul/index.js';
import { RecordingSink, until } from '../../discovery/recording-sink.js';

/** Makes every wait short, and chooses the first server. */
const SHORT: Random = { next: () => 0.01 };

/** A host on the machine's own time, since sockets have no other. */
export class SocketHost implements DiscoveryHost {
  readonly clock = systemClock;
  readonly announcements: string[] = [];
  readonly skippedEntries: string[] = [];
  constructor(readonly random: Random = SHORT) {}
  skipped(_service: string, entry: string, reason: string): void {
    this.skippedEntries.push(`${entry}: ${reason}`);
  }
  announcementFailed(_service: string, _instance: string, error: unknown): void {
    this.announcements.push(error instanceof Error ? error.message : String(error));
  }
  announced(): void {
    this.announcements.push('announced');
  }
}

/** Watches `users` with a sink that notes everything, until the test is over. */
export function follow(test: TestContext, options: ConsulDiscoveryOptions, service = 'users', host = new SocketHost()) {
  const discovery = consulDiscovery(options);
  const sink = new RecordingSink();
  const stop = discovery.watch(service, sink, host);
  test.after(() => {
    stop();
    return discovery.close?.();
  });
  return {
    sink,
    host,
    stop,
    /** What was said, in short: 'snapshot', 'patch +1 -0', or a failure's message. */
    said: () =>
      sink.said.map(({ kind, upsert, remove, error }) => {
        if (kind === 'patch') return `patch +${upsert} -${remove?.length}`;
        return kind === 'failed' ? (error as Error).message : kind;
      }),
    saidTimes: (times: number) => until(() => sink.said.length >= times, `${times} words of the source`),
  };
}
