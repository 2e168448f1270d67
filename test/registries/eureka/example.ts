import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const EXAMPLE = fileURLToPath(new URL('../../../examples/registries/eureka.js', import.meta.url));
/** Long enough for a busy machine; an example that hangs fails all the same. */
const LONGEST_RUN_MS = 60_000;

/** Runs the example on a registry, and gives what it prints. Rejects unless it ends by itself, well, and without a warning. */
export function runExample(servers: string): Promise<string[]> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [EXAMPLE, servers], { timeout: LONGEST_RUN_MS, env }, (error, stdout, stderr) => {
      if (error !== null || stderr !== '') reject(new Error(`the example failed: ${error?.message ?? stderr}\n${stdout}`));
      else resolve(stdout.trimEnd().split('\n'));
    });
  });
}
