import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.js';
import { systemRandom } from '../../../src/core/random.js';
import { createMesh, type Discovery, type DiscoveryHost, type Lease, type Mesh } from '../../../src/index.js';
import { Replica } from '../../support/replicas.js';
import type { EnteredInstance, RegistryUnderTest } from '../support/registry-under-test.js';

/** How soon changes come through a registry, in milliseconds. */
export interface Latencies {
  readonly rounds: number;
  /** From the start of the announcement to the first request that the new instance has answered. */
  readonly announcedToServed: Spread;
  /** From the start of the removal to the last request that was sent to the instance. */
  readonly removedToLastSent: Spread;
  /** From the moment when the mesh saw the removal to the last request that was sent to the instance; 0 if none was. */
  readonly seenToLastSent: Spread;
}

export interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const SERVICE = 'moving';
const SEEN_WITHIN_MS = 30_000;
const PAUSE_MS = 250;

/** Announces an instance and takes it back, again and again, while somebody calls the service without a pause. */
export async function latencies(registry: RegistryUnderTest, rounds: number): Promise<Latencies> {
  const [staying, moving] = await Promise.all([Replica.start(), Replica.start()]);
  await registry.put(SERVICE, { id: 'staying', url: staying.url });
  const announcer = registry.discovery();
  const mesh = createMesh({ discovery: registry.discovery() });
  const served: number[] = [];
  const removed: number[] = [];
  const seen: number[] = [];
  try {
    await mesh.ready([SERVICE], { timeoutMs: SEEN_WITHIN_MS });
    for (let round = 0; round < rounds; round++) {
      const instance: EnteredInstance = { id: `moving-${round}`, url: moving.url };
      const watch = new Watch(mesh, moving);
      const announcedMs = performance.now();
      const leave = await enter(registry, announcer, instance);
      served.push((await watch.firstAnswer()) - announcedMs);
      await delay(PAUSE_MS);
      const removedMs = performance.now();
      await leave();
      const seenMs = await watch.removal();
      removed.push(Math.max(0, watch.lastSentMs - removedMs));
      seen.push(Math.max(0, watch.lastSentMs - seenMs));
      await watch.stop();
      // Each change is one of its own: sources that put changes of a burst together would be measured at that.
      await delay(PAUSE_MS);
    }
  } finally {
    await mesh.close({ graceMs: 0 });
    await announcer.close?.();
    await Promise.all([staying.kill(), moving.kill()]);
  }
  return { rounds, announcedToServed: spread(served), removedToLastSent: spread(removed), seenToLastSent: spread(seen) };
}

/** Announces where the registry takes announcements, and writes into it where it does not. Resolves to the way out. */
async function enter(registry: RegistryUnderTest, announcer: Discovery, instance: EnteredInstance): Promise<() => Promise<void>> {
  if (announcer.announce !== undefined) {
    const lease: Lease = await announcer.announce({ service: SERVICE, ...instance }, HOST);
    return () => lease.close();
  }
  await registry.put(SERVICE, instance);
  return () => registry.remove(SERVICE, instance.id);
}

const HOST: DiscoveryHost = { clock: systemClock, random: systemRandom, skipped() {}, announcementFailed() {}, announced() {} };

/** Calls the service one request after the other, and knows which of them went to the instance that moves. */
class Watch {
  lastSentMs = Number.NEGATIVE_INFINITY;
  private firstAnsweredMs: number | undefined = undefined;
  private removedMs: number | undefined = undefined;
  private stopped = false;
  private readonly calls: Promise<void>;
  private readonly onRemoved = (): void => {
    this.removedMs ??= performance.now();
  };

  constructor(
    private readonly mesh: Mesh,
    private readonly replica: Replica,
  ) {
    mesh.on('endpointRemoved', this.onRemoved);
    this.calls = this.callOn();
  }

  firstAnswer(): Promise<number> {
    return this.until(() => this.firstAnsweredMs, 'an answer of the new instance');
  }

  removal(): Promise<number> {
    return this.until(() => this.removedMs, 'the removal');
  }

  async stop(): Promise<void> {
    this.mesh.off('endpointRemoved', this.onRemoved);
    this.stopped = true;
    await this.calls;
  }

  private async callOn(): Promise<void> {
    while (!this.stopped) {
      const sentMs = performance.now();
      const seenBefore = this.replica.seen.length;
      const response = await this.mesh.fetch(`http://${SERVICE}/`);
      await response.text();
      if (this.replica.seen.length > seenBefore) {
        this.lastSentMs = sentMs;
        this.firstAnsweredMs ??= performance.now();
      }
      this.replica.seen.length = 0;
    }
  }

  private async until(value: () => number | undefined, what: string): Promise<number> {
    const startedMs = performance.now();
    for (;;) {
      const known = value();
      if (known !== undefined) return known;
      if (performance.now() - startedMs > SEEN_WITHIN_MS) throw new Error(`waited ${SEEN_WITHIN_MS} ms in vain for ${what}`);
      await nextTurn();
    }
  }
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  return { p50Ms: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN };
}
