import { setTimeout as delay } from 'node:timers/promises';
import { createMesh, type Discovery, type Mesh } from '../../../src/index.js';
import type { EnteredInstance } from '../support/registry-under-test.js';

/** What a stretch of time looked like to those who called. */
export interface Stretch {
  readonly requests: number;
  /** The errors and statuses of the requests that were not answered well: none, if all is well. */
  readonly failures: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

interface Sent {
  readonly atMs: number;
  readonly durationMs: number;
  readonly failure: string | undefined;
}

const BEAT_MS = 10;

/** A client of a service: a mesh over the source in question, and calls at an even pace whatever becomes of the earlier ones. */
export class Traffic {
  readonly mesh: Mesh;
  private readonly sent: Sent[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    discovery: Discovery,
    readonly service: string,
  ) {
    this.mesh = createMesh({ discovery });
  }

  start(perSecond: number): void {
    const startedMs = performance.now();
    let begun = 0;
    this.timer = setInterval(() => {
      const due = ((performance.now() - startedMs) / 1_000) * perSecond;
      for (; begun < due; begun++) {
        const call = this.call();
        this.underWay.add(call);
        call.then(() => this.underWay.delete(call));
      }
    }, BEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    await this.mesh.close({ graceMs: 0 });
  }

  /** The requests that were begun from `fromMs` on, by `performance.now()`. */
  since(fromMs: number): Stretch {
    const sent = this.sent.filter(({ atMs }) => atMs >= fromMs);
    const durations = sent.map(({ durationMs }) => durationMs).sort((one, other) => one - other);
    return {
      requests: sent.length,
      failures: sent.flatMap(({ failure }) => failure ?? []),
      p50Ms: durations[Math.floor(durations.length / 2)] ?? Number.NaN,
      p99Ms: durations[Math.floor(durations.length * 0.99)] ?? Number.NaN,
      slowestMs: durations.at(-1) ?? Number.NaN,
    };
  }

  /** Whether the mesh knows an instance. Some registries know no ids, and some write them in their own way. */
  has({ id, url }: EnteredInstance): boolean {
    const endpoints = this.mesh.inspect().services[this.service]?.endpoints ?? [];
    return endpoints.some((endpoint) => endpoint.id === id || endpoint.origin === new URL(url).origin);
  }

  /** Since when the list is stale, by the mesh's own word; undefined while it is not. */
  get staleSinceMs(): number | undefined {
    return (this.mesh.inspect().services[this.service]?.discovery as { staleSinceMs?: number } | undefined)?.staleSinceMs;
  }

  /** Waits until the mesh knows an instance. */
  async knows(instance: EnteredInstance, withinMs: number): Promise<void> {
    const startedMs = performance.now();
    while (!this.has(instance)) {
      if (performance.now() - startedMs > withinMs) throw new Error(`${instance.id} was not seen within ${Math.round(withinMs)} ms`);
      await delay(5);
    }
  }

  private async call(): Promise<void> {
    const atMs = performance.now();
    let failure: string | undefined;
    try {
      const response = await this.mesh.fetch(`http://${this.service}/`);
      await response.text();
      if (response.status !== 200) failure = `status ${response.status}`;
    } catch (error) {
      failure = String(error);
    }
    this.sent.push({ atMs, durationMs: performance.now() - atMs, failure });
  }
}
