import assert from 'node:assert/strict';
import { balancers } from '../../simulations/contenders.js';
import { runOnce } from '../../simulations/run.js';
import type { Contender } from '../../simulations/scenario.js';
import { MEAN, type SteadyOptions, steady, TIMES } from '../../simulations/steady.js';

/** The mean time in a steady situation, in service times, without those on the network. */
export async function meanTime(contender: Contender | string, options: SteadyOptions, seed = 1): Promise<number> {
  const [known] = typeof contender === 'string' ? balancers(contender) : [contender];
  assert.ok(known !== undefined);
  const situation = { name: '', contenders: [known], options: steady(options) };
  return (await runOnce(TIMES, situation, known, seed, false)).numbers[MEAN] ?? Number.NaN;
}

/** Asserts that a number lies within bounds, both included. */
export function isBetween(number: number, atLeast: number, atMost: number, what: string): void {
  assert.ok(number >= atLeast && number <= atMost, `${what}: ${number} is not within ${atLeast} and ${atMost}`);
}
