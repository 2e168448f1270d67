import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../simulations/claim.js';
import { runOnce } from '../../simulations/run.js';
import type { Outcome } from '../../simulations/scenario.js';
import { dialogue } from '../../simulations/scenarios/dialogue.js';

/** All but the longest, which are in docs/simulations with the others. */
const SKIPPED = ['fast_503s_then_revert', 'simplest_possible_case'];

/** Its published mean counts fast failures: succeeding takes longer. */
const SLOWER_FOR_SUCCEEDING = 'fast_400s_then_revert';

test('set up for it, the stack succeeds at least as often as dialogue in its scenarios, and no slower (claim 33)', async () => {
  const outcomes: Outcome[] = [];
  for (const situation of dialogue.situations.filter(({ name }) => !SKIPPED.includes(name))) {
    const contender = situation.contenders.at(-1);
    assert.ok(contender !== undefined);
    outcomes.push({ situation, contender, runs: [await runOnce(dialogue.measures, situation, contender, 1, false)] });
  }
  const known = (text: string) => outcomes.some(({ situation, contender }) => text.startsWith(`${situation.name}, ${contender.name}:`));
  const findings = findingsOf(
    (dialogue.claims ?? []).filter(({ text }) => known(text)),
    outcomes,
  );
  assert.equal(findings.length, 2 * outcomes.length);
  const broken = findings.filter(
    ({ holds, claim }) => !holds && !(claim.text.endsWith('mean s') && claim.text.startsWith(SLOWER_FOR_SUCCEEDING)),
  );
  assert.deepEqual(
    broken.map(({ claim, numbers }) => `${claim.text}: ${numbers.join()}`),
    [],
  );
});
