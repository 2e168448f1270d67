import { measured } from './child.js';

/**
 * What a pick costs, by balancer and number of endpoints, beside a random pick with nothing around it in the same
 * process. Each balancer is timed in a process of its own, since the engine specialises a picker for the measure
 * of load that it has seen, and most applications have one.
 */

export const BALANCERS = [
  'p2c, peak EWMA',
  'p2c, pending requests',
  'roundRobin',
  'random',
  'leastRequest',
  'p2c, weights 1 to 4',
  'roundRobin, weights 1 to 4',
  'random, weights 1 to 4',
] as const;

export type BalancerName = (typeof BALANCERS)[number];

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

const LIMIT_MS = 60_000;

/** Times every balancer on every size, with none and with half of the endpoints shut. */
export async function run({
  node = process.execPath,
  quick = false,
}: {
  readonly node?: string;
  readonly quick?: boolean;
} = {}): Promise<PickResult[]> {
  const results: PickResult[] = [];
  for (const balancer of BALANCERS) {
    const args = [balancer, quick ? 'quick' : 'full'];
    results.push(...(await measured<PickResult[]>({ node, script: 'pick-process.js', args, core: 'client' }, LIMIT_MS)));
  }
  return results;
}
