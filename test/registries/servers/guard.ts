import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Ends what a test process leaves behind, however it ended, also by SIGKILL: a small shell that reads from a pipe
 * which processes to watch over, and ends them, and removes the temporary folder, once the pipe's other end is gone.
 */
const SCRIPT = `
trap '' HUP INT TERM
folder=$1
running=
while read -r what pid; do
  case $what in
    started) running="$running $pid" ;;
    ended)
      left=
      for each in $running; do
        if [ "$each" != "$pid" ]; then left="$left $each"; fi
      done
      running=$left ;;
  esac
done
for each in $running; do kill -9 "$each"; done
rm -rf "$folder"
`;

interface Guard {
  readonly folder: string;
  tell(what: 'started' | 'ended', pid: number): void;
}

let guard: Guard | undefined;

/** This process's guard, started at first use. */
export function processGuard(): Guard {
  guard ??= startGuard();
  return guard;
}

function startGuard(): Guard {
  const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-registries-'));
  // A process group of its own, so that Ctrl-C in a terminal does not reach it; no output, so that nobody waits for its end.
  const shell: ChildProcess = spawn('sh', ['-c', SCRIPT, 'guard', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const { stdin } = shell;
  if (stdin === null) throw new Error('the guard has no pipe');
  shell.unref();
  if (stdin instanceof Socket) stdin.unref();
  return {
    folder,
    tell(what, pid) {
      stdin.write(`${what} ${pid}\n`);
    },
  };
}
