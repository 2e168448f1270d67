import type { Outcome } from './scenario.js';

/**
 * What a scenario is to show, as a number that is worked out of what was measured and the bounds that it must lie in.
 * Each seed has to keep within them, so that no claim rests on a lucky run or on the mean of a bad and a good one.
 */
export interface Claim {
  /** Its number in the list of claims, such as '6'; several may share one. */
  readonly number: string;
  readonly text: string;
  /** The number, of the runs of one seed. */
  of(measured: Measured): number;
  /** Where it must lie, both included; default: no bound. */
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly decimals: number;
}

/** A number of one run, by the names of its situation, its contender and its measure. @throws Error for names that none has. */
export type Measured = (situation: string, contender: string, measure: string) => number;

/** What became of a claim. */
export interface Finding {
  readonly claim: Claim;
  /** One number for each seed. */
  readonly numbers: readonly number[];
  readonly holds: boolean;
}

export function findingsOf(claims: readonly Claim[], outcomes: readonly Outcome[]): Finding[] {
  const seeds = outcomes[0]?.runs.length ?? 0;
  return claims.map((claim) => {
    const numbers = Array.from({ length: seeds }, (_, index) => claim.of(measuredIn(outcomes, index)));
    return { claim, numbers, holds: numbers.every((number) => isWithin(claim, number)) };
  });
}

/** The bounds in words. */
export function boundsOf({ atLeast, atMost, decimals }: Claim): string {
  if (atLeast !== undefined && atMost !== undefined) return `${atLeast.toFixed(decimals)} to ${atMost.toFixed(decimals)}`;
  if (atMost !== undefined) return `at most ${atMost.toFixed(decimals)}`;
  return atLeast === undefined ? '' : `at least ${atLeast.toFixed(decimals)}`;
}

function measuredIn(outcomes: readonly Outcome[], index: number): Measured {
  return (situation, contender, measure) => {
    const outcome = outcomes.find((each) => each.situation.name === situation && each.contender.name === contender);
    const number = outcome?.runs[index]?.numbers[measure];
    if (number === undefined) throw new Error(`nothing was measured as '${measure}' of '${contender}' in '${situation}'`);
    return number;
  };
}

/** NaN, which a run without requests gives, is within no bounds. */
function isWithin({ atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Claim, number: number): boolean {
  return number >= atLeast && number <= atMost;
}
