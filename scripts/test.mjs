// Runs the compiled tests with node:test. Arguments pick the test files whose path contains one of them:
// `node scripts/test.mjs policies retry`. Those against real registries have a script of their own, test-registries.mjs.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** Load at a steady rate, and times that a starved process would miss: one file after the other, and nothing beside it. */
const ALONE = [
  'announcing/drain',
  'integration/failover',
  'integration/keep-alive',
  'integration/soak',
  'integration/stalls',
  'integration/timeouts',
];

const wanted = process.argv.slice(2);
const files = readdirSync('build/test', { recursive: true })
  .filter((name) => name.endsWith('.test.js') && !name.startsWith('registries/'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => `build/test/${name}`)
  .sort();
if (files.length === 0) {
  console.error(`no test file matches: ${wanted.join(' ')}`);
  process.exit(1);
}
const alone = files.filter((file) => ALONE.some((part) => file.includes(part)));
const statuses = [
  run(
    files.filter((file) => !alone.includes(file)),
    2,
  ),
  run(alone, 1),
];
process.exit(Math.max(...statuses));

function run(some, concurrency) {
  if (some.length === 0) return 0;
  const parameters = [
    '--test',
    '--test-reporter=spec',
    '--expose-gc',
    `--test-concurrency=${concurrency}`,
    '--test-timeout=120000',
    ...some,
  ];
  return spawnSync(process.execPath, parameters, { stdio: 'inherit' }).status ?? 1;
}
