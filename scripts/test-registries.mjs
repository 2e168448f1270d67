// The tests against real registry servers: builds, installs the servers that are missing, and runs
// build/test/registries/. Arguments pick the test files whose path contains one of them. A test that skips is a
// failure, and so is one that is still to be written: every registry is to be tried.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For all of it, the installation on an empty cache included. */
const LIMIT_MINUTES = 20;

const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-test-registries-'));
let running;
setTimeout(() => stop(1, `not done after ${LIMIT_MINUTES} minutes: ended while '${running?.name}' ran`), LIMIT_MINUTES * 60_000).unref();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop(130, `ended by ${signal}`));

await step('build', 'scripts/build.mjs');
await step('installation', 'scripts/registries/install.mjs');
const files = testFiles();
const report = join(folder, 'tests.tap');
const reporters = [
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  '--test-reporter=tap',
  `--test-reporter-destination=${report}`,
];
await step('tests', '--test', '--expose-gc', '--test-concurrency=2', '--test-timeout=300000', ...reporters, ...files);
const skipped = readFileSync(report, 'utf8').match(/^ *(not )?ok .* # (SKIP|TODO).*$/gm) ?? [];
if (skipped.length > 0) stop(1, `${skipped.length} tests did not run:\n${skipped.join('\n')}`);
rmSync(folder, { recursive: true });

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
