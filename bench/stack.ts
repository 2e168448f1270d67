import { measured } from './child.js';

/**
 * What a stack of policies costs a call, with nothing under it: the time that a service pays for being protected,
 * whatever its transport. The peers' policies stand around a function that does nothing, fetchmesh's standard
 * stack on a transport that does nothing. Calls are made one after the other, so their promises are counted too.
 */

export const STACKS = [
  { stack: 'nothing', name: 'an async function, alone' },
  { stack: 'standard', name: 'fetchmesh: standard stack (timeouts, bulkhead, retry, p2c over 4 endpoints, breakers)' },
  { stack: 'mesh-fetch', name: 'fetchmesh: mesh.fetch, its standard stack and response.json()' },
  { stack: 'opossum', name: 'opossum: breaker, timeout, capacity' },
  { stack: 'cockatiel', name: 'cockatiel: retry, breaker, bulkhead, timeout' },
] as const;

export type StackName = (typeof STACKS)[number]['stack'];

export interface StackResult {
  readonly stack: StackName;
  readonly name: string;
  /** Of the median batch, in nanoseconds a call. */
  readonly nsPerCall: number;
  /** CPU time of the process over all calls, in nanoseconds a call: garbage collection included. */
  readonly cpuNsPerCall: number;
}

const LIMIT_MS = 60_000;

export async function run({ node, quick }: { readonly node: string; readonly quick: boolean }): Promise<StackResult[]> {
  const results: StackResult[] = [];
  for (const { stack, name } of STACKS) {
    const args = [stack, quick ? 'quick' : 'full'];
    const timed = await measured<Omit<StackResult, 'name'>>({ node, script: 'stack-process.js', args, core: 'client' }, LIMIT_MS);
    results.push({ ...timed, name });
  }
  return results;
}
