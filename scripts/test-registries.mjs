// The tests against real registry servers: builds, installs the servers that are missing, and runs
// build/test/registries/. Arguments pick the test files whose path contains one of them. A test that skips is a
// failure, and so is one that is still to be written: every registry is to be tried.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For all of it, the installation on an empty cache included, on a machine that is busy: alone it takes half of that. */
const LIMIT_MINUTES = 30;

/** What measures, and has servers of every kind at once: one file after the other, and nothing beside it. */
const ALONE = ['latencies.test.js', 'many-instances.test.js', 'outages.test.js'];

const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-test-registries-'));
let running;
setTimeout(() => stop(1, `not done after ${LIMIT_MINUTES} minutes: ended while '${running?.name}' ran`), LIMIT_MINUTES * 60_000).unref();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop(130, `ended by ${signal}`));

await step('build', 'scripts/build.mjs');
await step('installation', 'scripts/registries/install.mjs');
const files = testFiles();
const alone = files.filter((file) => ALONE.some((name) => file.endsWith(name)));
await tests(
  files.filter((file) => !alone.includes(file)),
  2,
);
await tests(alone, 1);
rmSync(folder, { recursive: true });

async function tests(some, concurrency) {
  if (some.length === 0) return;
  const report = join(folder, `tests-${concurrency}.tap`);
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${report}`,
  ];
  await step('tests', '--test', '--expose-gc', `--test-concurrency=${concurrency}`, '--test-timeout=300000', ...reporters, ...some);
  const skipped = readFileSync(report, 'utf8').match(/^ *(not )?ok .* # (SKIP|TODO).*$/gm) ?? [];
  if (skipped.length > 0) stop(1, `${skipped.length} tests did not run:\n${skipped.join('\n')}`);
}

function testFiles() {
  const wanted = process.argv.slice(2);
  const found = readdirSync('build/test/registries', { recursive: true })
    .filter((name) => name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
    .map((name) => join('build/test/registries', name))
    .sort();
  if (found.length === 0) stop(1, `no test file matches: ${wanted.join(' ')}`);
  return found;
}

/** Runs Node on something, in a process group of its own, so that all of it can be ended. */
async function step(name, ...parameters) {
  const child = spawn(process.execPath, parameters, { stdio: 'inherit', detached: true });
  running = { name, pid: child.pid };
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  running = undefined;
  if (code !== 0) stop(code, `${name} failed`);
}

function stop(code, message) {
  console.error(message);
  if (running !== undefined) process.kill(-running.pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
