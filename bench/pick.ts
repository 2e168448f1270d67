import { BALANCERS, type BalancerName } from './balancers.js';
import { measured } from './child.js';

/**
 * What a pick costs, by balancer and number of endpoints, beside a random pick with nothing around it in the same
 * process; and what it costs to follow a list of 10,000 endpoints. Each balancer is timed in a process of its own for
 * each number of endpoints, since the engine specialises a picker for the measure of load that it has seen, and for the ways
 * through it that were taken. Where services of many sizes are called from one process, a pick costs up to a fifth more.
 */

export interface PickResult {
  readonly balancer: BalancerName;
  readonly endpoints: number;
  /** How many of them are shut. */
  readonly shut: number;
  readonly nsPerPick: number;
  /** The inlined random pick on the same endpoints. */
  readonly inlinedNs: number;
  /** Median over the rounds of one divided by the other. */
  readonly ratioToInlined: number;
}

/** What else a balancer costs with many endpoints. */
export interface UpkeepResult {
  readonly endpoints: number;
  /** To make the picker of a service. */
  readonly buildMs: number;
  /** What the picker holds of its own, after its first pick. */
  readonly bytes: number;
  /** An endpoint leaves or joins the list; with the next pick. */
  readonly changeUs: number;
  /** An endpoint is shut or opened; with the next pick. */
  readonly shutUs: number;
  /** A pick with the report of the answer to it, as in a service that is asked one request after the other. */
  readonly pickAndSettleNs: number;
  /** The first pick after a second without one. */
  readonly afterSecondUs: number;
}

export interface BalancerResult {
  readonly balancer: BalancerName;
  readonly picks: readonly PickResult[];
  readonly upkeep: UpkeepResult;
  /** Garbage of a pick in bytes, without that of Math.random. */
  readonly bytesPerPick: number;
}

const SIZES = [4, 10, 100, 1_000, 10_000];
const LIMIT_MS = 90_000;
const NODE_ARGS = ['--expose-gc'];

/** Times every balancer on every size, with none and with half of the endpoints shut. */
export async function run({
  node = process.execPath,
  quick = false,
}: {
  readonly node?: string;
  readonly quick?: boolean;
} = {}): Promise<BalancerResult[]> {
  const results: BalancerResult[] = [];
  for (const balancer of Object.keys(BALANCERS) as BalancerName[]) {
    const options = { node, nodeArgs: NODE_ARGS, core: 'client' } as const;
    const args = [balancer, quick ? 'quick' : 'full'];
    const timed = <Result>(what: string) => measured<Result>({ ...options, script: 'pick-process.js', args: [...args, what] }, LIMIT_MS);
    const picks: PickResult[] = [];
    for (const size of SIZES) picks.push(...(await timed<PickResult[]>(String(size))));
    const upkeep = await timed<UpkeepResult>('upkeep');
    const bytesPerPick = await measured<number>({ ...options, script: 'pick-garbage-process.js', args }, LIMIT_MS);
    results.push({ balancer, picks, upkeep, bytesPerPick });
  }
  return results;
}
