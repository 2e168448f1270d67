// Runs a program whose output matters only when it fails.
import { spawn, spawnSync } from 'node:child_process';

/** The longest that one step of an installation may take: a cold build of the largest server takes four minutes on two cores. */
const LONGEST_STEP_MS = 20 * 60_000;

/** Says in one sentence what to install when a program is not there. */
export function requireCommand(command, sentence) {
  if (spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0) throw new Error(sentence);
}

/** Runs to the end, or throws with the last lines that it wrote. */
export function run(command, parameters, { cwd, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LONGEST_STEP_MS,
    });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`'${command} ${parameters.join(' ')}' ended with ${signal ?? `code ${code}`}:\n${lastLines(output)}`));
    });
  });
}

function lastLines(output) {
  return output.trim().split('\n').slice(-25).join('\n');
}
