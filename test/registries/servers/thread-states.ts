import { readdirSync, readFileSync } from 'node:fs';

const LONGEST_WAIT_MS = 2_000;
const PAUSE_MS = 1;

/**
 * Waits, without giving way, until every thread of a process has stopped: SIGSTOP takes effect a little after it was
 * sent, and a server with several threads may still answer meanwhile.
 */
export function waitUntilStopped(pid: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const endMs = performance.now() + LONGEST_WAIT_MS;
  while (!threadStates(pid).every((state) => state === 'T')) {
    if (performance.now() > endMs) throw new Error(`process ${pid} did not stop`);
    Atomics.wait(pause, 0, 0, PAUSE_MS);
  }
}

/** The state of each thread, the first field after the name in parentheses (proc(5)). */
function threadStates(pid: number): readonly (string | undefined)[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).flatMap((thread) => {
    try {
      return [/\) (\w)/.exec(readFileSync(`${folder}/${thread}/stat`, 'utf8'))?.[1]];
    } catch {
      return []; // it has ended in between
    }
  });
}
