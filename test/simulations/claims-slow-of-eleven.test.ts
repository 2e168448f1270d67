import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../simulations/claim.js';
import { OURS } from '../../simulations/contenders.js';
import { runOnce } from '../../simulations/run.js';
import type { Outcome, Situation } from '../../simulations/scenario.js';
import { oneSlowOfEleven, twoSlowOfEleven } from '../../simulations/scenarios/one-slow-of-eleven.js';

const P2C = 'peak EWMA of two, p2c()';
const LOST = 'slower than 1 s';

for (const [number, scenario] of [
  ['12', oneSlowOfEleven],
  ['13', twoSlowOfEleven],
] as const) {
  const outcome = async (situation: Situation, name: string): Promise<Outcome> => {
    const contender = situation.contenders.find((each) => each.name === name);
    assert.ok(contender !== undefined);
    return { situation, contender, runs: [await runOnce(scenario.measures, situation, contender, 1, true)] };
  };
  const lost = ({ runs }: Outcome): number => runs[0]?.numbers[LOST] ?? Number.NaN;

  test(`of eleven servers the slow ones are left within few answers (claim ${number})`, async () => {
    const [near, ...far] = scenario.situations;
    assert.ok(near !== undefined && far.length === 2);
    const claims = (scenario.claims ?? []).filter(({ text }) => text.startsWith(`${near.name}: `) && text.endsWith(`, ${OURS}`));
    assert.equal(claims.length, 1);
    const broken = findingsOf(claims, [await outcome(near, OURS)]).filter(({ holds }) => !holds);
    assert.deepEqual(
      broken.map(({ claim, numbers }) => `${claim.text}: ${numbers.join()}`),
      [],
    );
    // What is said is for servers nearby: those far away are left as much later as their answers come.
    for (const situation of far) {
      const [ours, theirs] = [lost(await outcome(situation, OURS)), lost(await outcome(situation, P2C))];
      assert.ok(ours < theirs, `${situation.name}: ${ours} and ${theirs}`);
    }
  });
}
