import { PerformanceObserver } from 'node:perf_hooks';
import { answer } from './child.js';
import type { Contender, ContenderName, MakeContender } from './contender.js';

/**
 * One contender in its process: makes requests when told to, a fixed number at a time, each as soon as the one
 * before it has been read (a closed loop), and tells how many there were and what they cost.
 *
 * Called with the contender's file name and the endpoints' URLs.
 */

/** What to do. */
export interface RequestOrder {
  readonly inFlight: number;
  /** For how long, in milliseconds. Default: for ever. The last requests are waited for. */
  readonly durationMs?: number;
  /** How many requests, at most. Default: any number. */
  readonly requests?: number;
}

export interface RequestRound {
  readonly requests: number;
  readonly perSecond: number;
  /** CPU time of the whole process, garbage collection included. */
  readonly cpuUs: number;
  /** Bytes of the heap taken, or undefined where some of them were collected meanwhile. */
  readonly heapBytes: number | undefined;
}

const [file, ...urls] = process.argv.slice(2) as [ContenderName, ...string[]];
const { contender: make } = (await import(`./contenders/${file}.js`)) as { contender: MakeContender };
const contender: Contender = await make(urls);

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

process.on('message', (order: RequestOrder) => {
  run(order).then(answer, (error: unknown) => {
    console.error(`${file}:`, error);
    process.exit(1);
  });
});
answer('ready');

async function run({
  inFlight,
  durationMs = Number.POSITIVE_INFINITY,
  requests: wanted = Number.POSITIVE_INFINITY,
}: RequestOrder): Promise<RequestRound> {
  globalThis.gc?.();
  await reported();
  const collectionsBefore = collections;
  const heapBefore = process.memoryUsage().heapUsed;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < wanted && performance.now() < endMs) {
      begun++;
      check(await contender.get());
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const heapBytes = (process.memoryUsage().heapUsed - heapBefore) / begun;
  await reported();
  return {
    requests: begun,
    perSecond: (begun / elapsedMs) * 1_000,
    cpuUs: (user + system) / begun,
    heapBytes: collections === collectionsBefore ? heapBytes : undefined,
  };
}

/** The observer hears of a collection some turns later. */
function reported(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** A contender that fails fast would look good. */
function check(answered: unknown): void {
  if ((answered as { readonly id?: unknown } | undefined)?.id !== 42) throw new Error(`${file} got ${JSON.stringify(answered)}`);
}
