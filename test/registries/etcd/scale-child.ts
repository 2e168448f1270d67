import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createMesh, type Discovery } from '../../../src/index.js';
import { etcdDiscovery } from '../../../src/registries/etcd/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';

/**
 * A process of its own for a mesh with very many instances, so that what is measured is the mesh's alone. It is told by
 * messages what to do: `node --expose-gc scale-child.js ENDPOINT COUNT`.
 */

export interface ScaleReport {
  /** From createMesh to a mesh that knows all instances. */
  readonly firstListMs: number;
  /** Heap and buffers that the source and the mesh hold for them. */
  readonly memoryMB: number;
  readonly longestFirstListHoldMs: number;
}

export interface ChangesReport {
  /** User and system time of the process. */
  readonly cpuMs: number;
  /** The longest that the event loop was held. */
  readonly longestHoldMs: number;
  readonly changes: number;
  readonly snapshots: number;
  /** The metadata `n` of all instances, added up. */
  readonly sum: number;
}

const [endpoint = '', count = ''] = process.argv.slice(2);
const memory = (): number => {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
};

const seen = new RecordingSink();
const source = etcdDiscovery({ endpoints: endpoint });
/** Hands everything on to the mesh, and keeps count. */
const counted: Discovery = {
  name: 'counted',
  watch: (service, sink, host) =>
    source.watch(
      service,
      {
        snapshot: (instances, info) => {
          seen.snapshot(instances, info);
          sink.snapshot(instances, info);
        },
        patch: (change) => {
          seen.patch(change);
          sink.patch(change);
        },
        failed: (error) => sink.failed(error),
      },
      host,
    ),
};
const delay = monitorEventLoopDelay({ resolution: 1 });
const before = memory();
delay.enable();
const startedMs = performance.now();
const mesh = createMesh({ discovery: counted });
await mesh.ready(['many'], { minEndpoints: Number(count), timeoutMs: 30_000 });
const firstListMs = performance.now() - startedMs;
await new Promise((resolve) => setTimeout(resolve, 50));
const longestFirstListHoldMs = delay.max / 1e6;
process.send?.({ firstListMs, memoryMB: memory() - before, longestFirstListHoldMs } satisfies ScaleReport);

let cpu = process.cpuUsage();
process.on('message', (message: 'begin' | 'end') => {
  if (message === 'begin') {
    global.gc?.();
    seen.said.length = 0;
    cpu = process.cpuUsage();
    // The collection just now is no change's.
    setTimeout(() => delay.reset(), 20);
    setTimeout(() => process.send?.('begun'), 40);
    return;
  }
  const { user, system } = process.cpuUsage(cpu);
  const changes = seen.said.reduce((total, { upsert = 0, remove = [] }) => total + upsert + remove.length, 0);
  let sum = 0;
  for (const instance of seen.list.values()) sum += Number(typeof instance === 'string' ? 0 : (instance.metadata?.n ?? 0));
  const snapshots = seen.said.filter(({ kind }) => kind === 'snapshot').length;
  process.send?.({ cpuMs: (user + system) / 1e3, longestHoldMs: delay.max / 1e6, changes, snapshots, sum } satisfies ChangesReport);
});
process.on('disconnect', () => process.exit(0));
