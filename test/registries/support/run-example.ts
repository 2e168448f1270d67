import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const EXAMPLES = new URL('../../../examples/registries/', import.meta.url);
/** Long enough for a busy machine; an example that hangs fails all the same. */
const LONGEST_RUN_MS = 60_000;

/** Runs an example, and gives the lines that it prints. Rejects unless it ends by itself, well, and without a warning. */
export function runExample(registry: string, args: readonly string[], extraEnv: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const file = fileURLToPath(new URL(`${registry}.js`, EXAMPLES));
  // Without it the example would report to this runner and print nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...args], { timeout: LONGEST_RUN_MS, env: { ...env, ...extraEnv } }, (error, stdout, stderr) => {
      if (error !== null || stderr !== '') reject(new Error(`the example failed: ${error?.message ?? stderr}\n${stdout}`));
      else resolve(stdout.trimEnd().split('\n'));
    });
  });
}

/** What the examples of registries print that take announcements. */
export function announcedAndCalled(name: string, after = ', and of every list'): string[] {
  return [
    `two instances of users and one of orders are in ${name}`,
    'users: Ada and Bob answer',
    'orders: the shop answers',
    'Ada is killed: calls go on, and Bob answers',
    `Ada is out of ${name}${after}`,
  ];
}
