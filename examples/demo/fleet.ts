// The demo's replicas: real processes, started and ended by this one.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type Mood = 'well' | 'slow' | 'failing';

export class Fleet {
  readonly #processes = new Map<string, ChildProcess>();

  constructor(private readonly folder: string) {}

  /** Starts a replica; resolves once it has announced itself. */
  async start(name: string): Promise<void> {
    const child = fork(fileURLToPath(new URL('./replica.js', import.meta.url)), [this.folder, name]);
    this.#processes.set(name, child);
    await once(child, 'message');
  }

  /** Ends a replica without warning, in the middle of whatever it is doing. */
  kill(name: string): void {
    this.#processes.get(name)?.kill('SIGKILL');
  }

  tell(name: string, mood: Mood): void {
    this.#processes.get(name)?.send(mood);
  }

  /** Lets every replica go; each takes itself out of the registry. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#processes.values()].map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.disconnect();
        await exited;
      }),
    );
  }
}
