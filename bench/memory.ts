import { Child, measured } from './child.js';

/**
 * What a mesh holds on to: for an endpoint that was never used, for one that was used once and is idle again with
 * its connections closed, and after a million requests. Measured as the growth of the heap and of what lies
 * outside it, after a full collection.
 */

export interface MemoryResult {
  readonly endpoints: number;
  readonly unusedBytes: number;
  readonly idleBytes: number;
  /** A connection to an endpoint that is open and idle, with its pool. */
  readonly connectionBytes: number;
  /** All endpoints of a mesh as it comes, with what its balancer keeps of them, before any connection. */
  readonly defaultBytes: number;
  readonly requests: number;
  /** Growth of the heap from the first tenth of the requests to the last. */
  readonly growthBytes: number;
}

const LIMIT_MS = 120_000;

export async function run({ node, quick }: { readonly node: string; readonly quick: boolean }): Promise<MemoryResult> {
  const server = new Child({ node, script: 'server.js', core: 'server' });
  try {
    const urls = await server.ask<string[]>(undefined, LIMIT_MS);
    const args = [quick ? 'quick' : 'full', ...urls];
    return await measured<MemoryResult>({ node, script: 'memory-process.js', args, nodeArgs: ['--expose-gc'], core: 'client' }, LIMIT_MS);
  } finally {
    server.end();
  }
}
