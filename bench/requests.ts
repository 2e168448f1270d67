import { Child, type ChildOptions } from './child.js';
import { CONTENDERS, type ContenderName } from './contender.js';
import type { RequestOrder, RequestRound } from './request-process.js';
import { median } from './statistics.js';

/**
 * Requests a second and CPU time a request, side by side: every contender has a process of its own, all use the
 * same server, and rounds go from one to the next and around again, so that a slow minute of the machine meets
 * them all. The clients share one core, one at a time, and the server has the other.
 */

export interface RequestResult {
  readonly contender: ContenderName;
  readonly name: string;
  readonly perSecond: number;
  /** CPU time a request, in microseconds. */
  readonly cpuUs: number;
  /** Bytes of the heap a request; undefined where it could not be measured. */
  readonly heapBytes: number | undefined;
  /** How much of its core the server used at the same time, from 0 to 1: near 1, it was what held the contender back. */
  readonly serverShare: number;
}

export const IN_FLIGHT = 50;

const LIMIT_MS = 30_000;
/** The slow ones need three seconds until most of their code is compiled, which has to be done on the same core. */
const WARM_UP: RequestOrder = { inFlight: IN_FLIGHT, durationMs: 4_000, requests: 40_000 };
const QUICK_WARM_UP: RequestOrder = { inFlight: IN_FLIGHT, durationMs: 1_500, requests: 10_000 };
/** Some contenders warn of their own listeners once they are busy; that is no news here. */
const CLIENT_ARGS = ['--no-warnings'];
/** Young space for what a few hundred requests leave behind, so that it can be counted before it is collected. */
const COUNTING_ARGS = [...CLIENT_ARGS, '--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];
const COUNTED_REQUESTS = 500;

export async function run({ node, quick }: { readonly node: string; readonly quick: boolean }): Promise<RequestResult[]> {
  const rounds = quick ? 4 : 9;
  const durationMs = quick ? 250 : 1_000;
  const server = new Child({ node, script: 'server.js', core: 'server' });
  const clients = new Map<ContenderName, Child>();
  try {
    const urls = await server.ask<string[]>(undefined, LIMIT_MS);
    const samples = new Map<ContenderName, (RequestRound & { readonly serverShare: number })[]>();
    for (const { file } of CONTENDERS) {
      const client = await started({ node, script: 'request-process.js', args: [file, ...urls], nodeArgs: CLIENT_ARGS, core: 'client' });
      clients.set(file, client);
      samples.set(file, []);
      await client.ask<RequestRound>(quick ? QUICK_WARM_UP : WARM_UP, LIMIT_MS);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [file, client] of clients) {
        const before = await server.ask<number>('cpu', LIMIT_MS);
        const startMs = performance.now();
        const measured = await client.ask<RequestRound>({ inFlight: IN_FLIGHT, durationMs }, LIMIT_MS);
        const serverShare = ((await server.ask<number>('cpu', LIMIT_MS)) - before) / 1_000 / (performance.now() - startMs);
        samples.get(file)?.push({ ...measured, serverShare });
      }
    }
    const results: RequestResult[] = [];
    for (const { file, name } of CONTENDERS) {
      const each = samples.get(file) ?? [];
      clients.get(file)?.end();
      results.push({
        contender: file,
        name,
        perSecond: median(each.map(({ perSecond }) => perSecond)),
        cpuUs: median(each.map(({ cpuUs }) => cpuUs)),
        heapBytes: quick ? undefined : await heapBytes(node, file, urls),
        serverShare: median(each.map((sample) => sample.serverShare)),
      });
    }
    return results;
  } finally {
    for (const client of clients.values()) client.end();
    server.end();
  }
}

/** Warmed up by requests of its own, since the counting needs an engine set up for it. */
async function heapBytes(node: string, file: ContenderName, urls: readonly string[]): Promise<number | undefined> {
  const client = await started({ node, script: 'request-process.js', args: [file, ...urls], nodeArgs: COUNTING_ARGS, core: 'client' });
  try {
    const counted: RequestOrder = { inFlight: IN_FLIGHT, requests: COUNTED_REQUESTS };
    for (let round = 0; round < 4; round++) await client.ask<RequestRound>(counted, LIMIT_MS);
    const samples: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { heapBytes: bytes } = await client.ask<RequestRound>(counted, LIMIT_MS);
      if (bytes !== undefined) samples.push(bytes);
    }
    return samples.length === 0 ? undefined : median(samples);
  } finally {
    client.end();
  }
}

async function started(options: ChildOptions): Promise<Child> {
  const child = new Child(options);
  await child.ask(undefined, LIMIT_MS);
  return child;
}
