import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { claimsTable, pageOf, summary, table } from './page.js';
import { runOnce } from './run.js';
import { RunStore } from './run-store.js';
import type { Outcome, Run, Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';

/**
 * `npm run simulate`: compares policies in simulated situations, prints a table for each and writes pages and
 * drawings into docs/simulations/. It may be stopped at any time and goes on where it was.
 *
 *   --quick          one seed instead of three, some runs shorter; printed and not written
 *   --only NAMES     some of the scenarios, with commas between them
 *   --out FOLDER     where pages go; default docs/simulations
 */

const SEEDS = [1, 2, 3];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: SCENARIOS.map(({ name }) => name).join(',') },
    out: { type: 'string', default: 'docs/simulations' },
  },
});
const { quick } = options;

const chosen = options.only.split(',').map((name) => {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`--only takes ${SCENARIOS.map((each) => each.name).join(', ')}, got '${name}'`);
  return scenario;
});

const built = dirname(fileURLToPath(import.meta.url));
const store = new RunStore('.cache/simulations', [join(built, '../src'), built]);

const all: { readonly scenario: Scenario; readonly outcomes: readonly Outcome[] }[] = [];
for (const scenario of chosen) {
  const outcomes: Outcome[] = [];
  for (const situation of scenario.situations) {
    for (const contender of situation.contenders) {
      const runs: Run[] = [];
      for (const seed of quick ? SEEDS.slice(0, 1) : SEEDS) {
        const name = [scenario.name, situation.name, contender.name, seed, ...(quick ? ['quick'] : [])].filter((part) => part !== '');
        console.error(name.join(', '));
        runs.push(await store.runOrMake(name.join(' '), () => runOnce(scenario.measures, situation, contender, seed, quick)));
      }
      outcomes.push({ situation, contender, runs });
    }
  }
  console.log(
    `\n${[scenario.title, table(scenario, outcomes), claimsTable(scenario, outcomes)].filter((part) => part !== '').join('\n\n')}\n`,
  );
  all.push({ scenario, outcomes });
  if (quick) continue;
  mkdirSync(options.out, { recursive: true });
  for (const [file, content] of Object.entries(pageOf(scenario, outcomes))) writeFileSync(join(options.out, file), content);
}
if (!quick && chosen.length === SCENARIOS.length) writeFileSync(join(options.out, 'README.md'), summary(all));
