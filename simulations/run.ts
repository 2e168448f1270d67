import { simulate } from '../src/testing/simulation/index.js';
import { type Contender, type Measure, optionsOf, type Run, runOf, type Situation } from './scenario.js';

/** Simulates one contender in one situation. */
export async function runOnce(
  measures: readonly Measure[],
  situation: Situation,
  { mesh }: Contender,
  seed: number,
  quick: boolean,
): Promise<Run> {
  const options = optionsOf(situation, quick);
  return runOf(measures, seed, options, await simulate({ ...options, mesh, seed }));
}
