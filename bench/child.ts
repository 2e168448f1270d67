import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/**
 * Processes that measure. Each thing measured has one of its own, so that no other's code, garbage or compiled
 * feedback is in it, and is pinned to one core where the system has `taskset`, so that the scheduler does not
 * move it about and what the others do stays on the other core.
 *
 * A child is asked by messages and answers each with one message. It is bounded in time, and ended by its id.
 */

/** The core of what is measured, and that of what only has to be there. */
export type Core = 'client' | 'server';

export interface ChildOptions {
  /** The Node to run it with. */
  readonly node: string;
  /** The compiled script, beside this one. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly core: Core;
}

/** Whether processes are pinned to cores; if not, results depend more on the scheduler. */
export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

export class Child {
  private readonly child: ChildProcess;
  private readonly name: string;
  private failure: Error | undefined;
  private waiting: { resolve(value: unknown): void; reject(error: Error): void } | undefined;

  constructor({ node, script, args = [], nodeArgs = [], core }: ChildOptions) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const [command = node, ...rest] = [
      ...(canPin ? ['taskset', '-c', core === 'client' ? '0' : '1'] : []),
      node,
      ...nodeArgs,
      path,
      ...args,
    ];
    this.name = [script, ...args].join(' ');
    this.child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message) => {
      this.waiting?.resolve(message);
      this.waiting = undefined;
    });
    this.child.on('error', (error) => this.fail(error));
    this.child.on('exit', (code, signal) => this.fail(new Error(`${this.name} ended with ${signal ?? code}`)));
  }

  /** Sends `message` and resolves with the answer. The first answer needs no question. */
  ask<Answer>(message: unknown, timeoutMs: number): Promise<Answer> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.fail(new Error(`${this.name} did not answer within ${timeoutMs} ms`));
        this.end();
      }, timeoutMs);
      this.waiting = {
        resolve(value) {
          clearTimeout(timer);
          resolve(value as Answer);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (message !== undefined) this.child.send(message as object);
    });
  }

  end(): void {
    this.child.kill('SIGKILL');
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.waiting?.reject(this.failure);
    this.waiting = undefined;
  }
}

/** Runs a script that measures by itself and sends one message. */
export async function measured<Result>(options: ChildOptions, timeoutMs: number): Promise<Result> {
  const child = new Child(options);
  try {
    return await child.ask<Result>(undefined, timeoutMs);
  } finally {
    child.end();
  }
}

/** What a child sends to whoever asked. */
export function answer(message: unknown): void {
  process.send?.(message);
}
