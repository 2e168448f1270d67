import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../simulations/claim.js';
import { runOnce } from '../../simulations/run.js';
import type { Outcome } from '../../simulations/scenario.js';
import { doubtfulReports } from '../../simulations/scenarios/doubtful-reports.js';

/** A short run goes up and down more than a long one. */
const SLACK = 1.1;

test('reports that are missing, copied, wrong or lies cost no more than they would be worth', async () => {
  const claims = doubtfulReports.claims ?? [];
  const needed = new Set<string>();
  for (const claim of claims) claim.of((situation, contender) => needed.add(`${situation}, ${contender}`).size);
  const outcomes: Outcome[] = [];
  for (const situation of doubtfulReports.situations) {
    for (const contender of situation.contenders) {
      if (!needed.has(`${situation.name}, ${contender.name}`)) continue;
      outcomes.push({
        situation,
        contender,
        runs: [await runOnce(doubtfulReports.measures, { ...situation, quickShare: 0.1 }, contender, 1, true)],
      });
    }
  }
  const wide = claims.map((claim) => ({ ...claim, ...(claim.atMost === undefined ? {} : { atMost: claim.atMost * SLACK }) }));
  assert.ok(needed.size > 10 && outcomes.length === needed.size);
  const broken = findingsOf(wide, outcomes).filter(({ holds }) => !holds);
  assert.deepEqual(
    broken.map(({ claim, numbers }) => `${claim.text}: ${numbers.join()}`),
    [],
  );
});
