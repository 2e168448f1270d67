import { Child, type ChildOptions } from './child.js';
import { CONTENDERS, type ContenderName } from './contender.js';
import type { RequestOrder, RequestRound } from './request-process.js';
import { median, shuffled } from './statistics.js';

/**
 * Requests a second and CPU time a request, side by side: every contender has processes of its own, all use the
 * same server, and rounds go from one to the next and around again. The clients share one core, one at a time, and
 * the server has the other.
 *
 * Rounds are short and many, so that a slow second of the machine meets all contenders and not one of them; each goes
 * around in another order, because who went before is felt: the first of a fixed order read a tenth less; and one
 * process after another does each contender's rounds, because two runs of the same program differ by a tenth and
 * more for as long as they live, by what the engine chose to inline and where the heap came to lie.
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
const ROUND_MS = 250;
/** Rounds of each process of each contender. */
const ROUNDS = 12;
const PROCESSES = 3;
const QUICK_ROUNDS = 6;
/** The slow ones need three seconds until most of their code is compiled, which has to be done on the same core. */
const WARM_UP: RequestOrder = { inFlight: IN_FLIGHT, durationMs: 3_500, requests: 40_000 };
const QUICK_WARM_UP: RequestOrder = { inFlight: IN_FLIGHT, durationMs: 1_500, requests: 10_000 };
/** Some contenders warn of their own listeners once they are busy; that is no news here. */
const CLIENT_ARGS = ['--no-warnings'];
/** Young space for what a few hundred requests leave behind, so that it can be counted before it is collected. */
const COUNTING_ARGS = [...CLIENT_ARGS, '--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];
const COUNTED_REQUESTS = 500;

export async function run({ node, quick }: { readonly node: string; readonly quick: boolean }): Promise<RequestResult[]> {
  const server = new Child({ node, script: 'server.js', core: 'server' });
  try {
    const urls = await server.ask<string[]>(undefined, LIMIT_MS);
    const samples = new Map<ContenderName, Sample[]>(CONTENDERS.map(({ file }) => [file, []]));
    for (let process = 0; process < (quick ? 1 : PROCESSES); process++) await sample({ node, quick, server, urls, samples });
    const results: RequestResult[] = [];
    for (const { file, name } of CONTENDERS) {
      const each = samples.get(file) ?? [];
      results.push({
        contender: file,
        name,
        perSecond: median(each.map(({ perSecond }) => perSecond)),
        cpuUs: median(each.map(({ cpuUs }) => cpuUs)),
        heapBytes: quick ? undefined : await heapBytes(node, file, urls),
        serverShare: median(each.map(({ serverShare }) => serverShare)),
      });
    }
    return results;
  } finally {
    server.end();
  }
}

interface Sample extends RequestRound {
  readonly serverShare: number;
}

interface Sampling {
  readonly node: string;
  readonly quick: boolean;
  readonly server: Child;
  readonly urls: readonly string[];
  readonly samples: ReadonlyMap<ContenderName, Sample[]>;
}

/** The rounds of one process of each contender. */
async function sample({ node, quick, server, urls, samples }: Sampling): Promise<void> {
  const clients = new Map<ContenderName, Child>();
  try {
    for (const { file } of shuffled(CONTENDERS)) {
      const client = await started({ node, script: 'request-process.js', args: [file, ...urls], nodeArgs: CLIENT_ARGS, core: 'client' });
      clients.set(file, client);
      await client.ask<RequestRound>(quick ? QUICK_WARM_UP : WARM_UP, LIMIT_MS);
    }
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round++) {
      for (const [file, client] of shuffled([...clients])) {
        const before = await server.ask<number>('cpu', LIMIT_MS);
        const startMs = performance.now();
        const measured = await client.ask<RequestRound>({ inFlight: IN_FLIGHT, durationMs: ROUND_MS }, LIMIT_MS);
        const serverShare = ((await server.ask<number>('cpu', LIMIT_MS)) - before) / 1_000 / (performance.now() - startMs);
        samples.get(file)?.push({ ...measured, serverShare });
      }
    }
  } finally {
    for (const client of clients.values()) client.end();
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
