import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { simulate } from '../src/testing/simulation/index.js';
import { type Outcome, pageOf, table } from './page.js';
import { RunStore } from './run-store.js';
import { type Run, runOf, type Scenario } from './scenario.js';
import { oneSlowOfEleven, twoSlowOfEleven } from './scenarios/one-slow-of-eleven.js';

/**
 * `npm run simulate`: compares policies in simulated situations, prints a table for each and writes pages and
 * drawings into docs/simulations/. It may be stopped at any time and goes on where it was.
 *
 *   --quick          one seed instead of three; printed and not written
 *   --only NAMES     some of the scenarios, with commas between them
 *   --out FOLDER     where pages go; default docs/simulations
 */

const SCENARIOS: readonly Scenario[] = [oneSlowOfEleven, twoSlowOfEleven];
const SEEDS = [1, 2, 3];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: SCENARIOS.map(({ name }) => name).join(',') },
    out: { type: 'string', default: 'docs/simulations' },
  },
});

const chosen = options.only.split(',').map((name) => {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`--only takes ${SCENARIOS.map((each) => each.name).join(', ')}, got '${name}'`);
  return scenario;
});

const built = dirname(fileURLToPath(import.meta.url));
const store = new RunStore('.cache/simulations', [join(built, '../src'), built]);

for (const scenario of chosen) {
  const outcomes: Outcome[] = [];
  for (const contender of scenario.contenders) {
    const runs: Run[] = [];
    for (const seed of options.quick ? SEEDS.slice(0, 1) : SEEDS) {
      console.error(`${scenario.name}: ${contender.name}, seed ${seed}`);
      runs.push(
        await store.runOrMake(`${scenario.name} ${contender.name} ${seed}`, async () =>
          runOf(scenario, seed, await simulate({ ...scenario.situation, mesh: contender.mesh, seed })),
        ),
      );
    }
    outcomes.push({ contender, runs });
  }
  console.log(`\n${scenario.title}\n\n${table(scenario, outcomes)}\n`);
  if (options.quick) continue;
  mkdirSync(options.out, { recursive: true });
  for (const [file, content] of Object.entries(pageOf(scenario, outcomes))) writeFileSync(join(options.out, file), content);
}
