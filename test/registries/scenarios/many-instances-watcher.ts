import { setTimeout as delay } from 'node:timers/promises';
import { createMesh } from '../../../src/index.js';
import { type SourceRecipe, sourceOf } from '../support/source-recipe.js';
import { measureLoopGaps } from './loop-gaps.js';
import type { WatcherReport } from './many-instances.js';

/** The process that watches 10,000 instances, and measures itself. Called by many-instances.ts. */

const [recipe = '', service = '', count = '', settleMs = ''] = process.argv.slice(2);
const instances = Number(count);
const LISTED_WITHIN_MS = 60_000;

const say = (report: WatcherReport): void => {
  process.send?.(report);
};

const heldBytes = async (): Promise<number> => {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await delay(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const discovery = await sourceOf(JSON.parse(recipe) as SourceRecipe);
const mesh = createMesh({ discovery });
const emptyBytes = await heldBytes();
const listing = measureLoopGaps();
const startedMs = performance.now();
await mesh.ready([service], { minEndpoints: instances, timeoutMs: LISTED_WITHIN_MS });
const afterMs = performance.now() - startedMs;
await delay(5);
const listingGaps = await listing.end();
say({ kind: 'listed', afterMs, gaps: listingGaps, bytesPerInstance: ((await heldBytes()) - emptyBytes) / instances });

await message('begin');
const seen = new Set<string>();
mesh.on('endpointAdded', ({ endpoint }) => seen.add(endpoint));
const changing = measureLoopGaps();
const before = process.cpuUsage();
say({ kind: 'ready' });
await message('end');
// The last changes are on their way when the writer is done.
await delay(Number(settleMs));
const { user, system } = process.cpuUsage(before);
const gaps = await changing.end();
const endpoints = mesh.inspect().services[service]?.endpoints.length ?? 0;
say({ kind: 'changes', seen: seen.size, cpuMs: (user + system) / 1_000, gaps, count: endpoints });
await mesh.close({ graceMs: 0 });
process.disconnect();

function message(expected: string): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', function listener(said) {
      if (said !== expected) return;
      process.off('message', listener);
      resolve();
    });
  });
}
