import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EnteredInstance, RegistryUnderTest } from '../support/registry-under-test.js';
import type { LongestGaps } from './loop-gaps.js';

/** What 10,000 instances cost a process that watches them. */
export interface ManyInstances {
  readonly instances: number;
  /** From the start of the watch to the whole list. */
  readonly firstListMs: number;
  /** The longest gaps of the event loop while the list came. */
  readonly firstListGaps: LongestGaps;
  /** Heap and buffers for one instance, in bytes. */
  readonly bytesPerInstance: number;
  /** Changes a second that were made, and the share of them that was seen. */
  readonly changesPerSecond: number;
  readonly changesSeen: number;
  /** CPU time of the watching process for one change, in milliseconds. */
  readonly cpuMsPerChange: number;
  /** The longest gaps of the event loop while changes came. */
  readonly changeGaps: LongestGaps;
  /** The instances in the list at the end. */
  readonly atTheEnd: number;
}

/** What the watching process says. */
export type WatcherReport =
  | { readonly kind: 'listed'; readonly afterMs: number; readonly gaps: LongestGaps; readonly bytesPerInstance: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'changes'; readonly seen: number; readonly cpuMs: number; readonly gaps: LongestGaps; readonly count: number };

const SERVICE = 'many';
const WATCHER = fileURLToPath(new URL('./many-instances-watcher.js', import.meta.url));

/** Fills a registry, has another process watch it, and changes one instance after the other for a while. */
export async function manyInstances(
  registry: RegistryUnderTest,
  {
    instances = 10_000,
    perSecond = 100,
    forMs = 5_000,
  }: { readonly instances?: number; readonly perSecond?: number; readonly forMs?: number } = {},
): Promise<ManyInstances> {
  await registry.putMany(
    SERVICE,
    Array.from({ length: instances }, (_, index) => instanceOf(index, 1)),
  );
  const watcher = fork(WATCHER, [JSON.stringify(registry.recipe()), SERVICE, `${instances}`, `${registry.traits.seenWithinMs}`], {
    execArgv: ['--expose-gc'],
  });
  const next = async <Kind extends WatcherReport['kind']>(kind: Kind): Promise<WatcherReport & { readonly kind: Kind }> => {
    const gone = once(watcher, 'exit').then(([code]) =>
      Promise.reject(new Error(`the watcher ended with ${code} before it said '${kind}'`)),
    );
    gone.catch(() => {});
    const [report] = (await Promise.race([once(watcher, 'message'), gone])) as [WatcherReport];
    if (report.kind !== kind) throw new Error(`the watcher said '${report.kind}' and not '${kind}'`);
    return report as WatcherReport & { readonly kind: Kind };
  };
  try {
    const listed = await next('listed');
    watcher.send('begin');
    await next('ready');
    const made = await change(registry, instances, perSecond, forMs);
    watcher.send('end');
    const changes = await next('changes');
    return {
      instances,
      firstListMs: listed.afterMs,
      firstListGaps: listed.gaps,
      bytesPerInstance: listed.bytesPerInstance,
      changesPerSecond: made.perSecond,
      changesSeen: changes.seen / made.count,
      cpuMsPerChange: changes.cpuMs / Math.max(1, made.count),
      changeGaps: changes.gaps,
      atTheEnd: changes.count,
    };
  } finally {
    watcher.kill('SIGKILL');
  }
}

/** Changes the weight or, where there are none, the address of one instance after the other. As fast as asked, or as fast as the registry takes it. */
async function change(
  registry: RegistryUnderTest,
  instances: number,
  perSecond: number,
  forMs: number,
): Promise<{ count: number; perSecond: number }> {
  const startedMs = performance.now();
  let count = 0;
  const step = Math.max(1, Math.floor(instances / 997));
  const underWay = new Set<Promise<void>>();
  while (performance.now() - startedMs < forMs) {
    const due = ((performance.now() - startedMs) / 1_000) * perSecond;
    while (count < due && underWay.size < 32) {
      const put = registry.put(SERVICE, instanceOf((count++ * step) % instances, 2));
      underWay.add(put);
      put.finally(() => underWay.delete(put)).catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(underWay);
  return { count, perSecond: count / ((performance.now() - startedMs) / 1_000) };
}

/** The same instance, in its first or its second state. */
function instanceOf(index: number, state: 1 | 2): EnteredInstance {
  return {
    id: `many-${index}`,
    url: `http://10.${state}.${index >> 8}.${index & 255}:8080`,
    weight: state,
    zone: `zone-${index % 3}`,
    metadata: { version: '1.2.3', commit: 'f054332' },
  };
}
