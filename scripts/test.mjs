// Runs the compiled tests with node:test. Arguments pick the test files whose path contains one of them:
// `node scripts/test.mjs policies retry`. Those against real registries have a script of their own, test-registries.mjs.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

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
const { status } = spawnSync(process.execPath, ['--test', '--expose-gc', '--test-concurrency=2', '--test-timeout=120000', ...files], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
