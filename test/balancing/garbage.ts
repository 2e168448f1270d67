import assert from 'node:assert/strict';

const ROUNDS = 10;
const RUNS = 100_000;

/**
 * The bytes that `work` leaves on the heap each time, by the least of some rounds: what the engine itself allocates, as
 * while it compiles, falls into some of them, and what `work` allocates into all. A closure or an object is some tens
 * of bytes. `prepare` goes before each round.
 */
export function bytesLeftBy(work: (index: number) => unknown, prepare?: () => void): number {
  assert.ok(globalThis.gc, 'run with --expose-gc');
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && least >= 1; round++) {
    prepare?.();
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < RUNS; index++) work(index);
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / RUNS);
  }
  return least;
}
