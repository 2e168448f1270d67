import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { claimPort, claimPorts, releasePorts } from './free-ports.js';
import { processGuard } from './guard.js';
import type { RestartOptions, ServerProcess } from './server-process.js';
import { waitUntilStopped } from './thread-states.js';

/** The longest that a server may take until it answers: several in Java, on two busy cores. */
const START_MS = 150_000;
const LOG_TAIL_BYTES = 8_000;

/** Where a server's files and ports are, before it starts. */
export interface Site {
  /** Its temporary folder: configuration, certificates, the log. */
  readonly folder: string;
  /** Inside of it, what a restart with empty data removes. Exists whenever the server starts. */
  readonly data: string;
  readonly ports: readonly number[];
}

/** How a server is started, and how it is known to answer. */
export interface ServerPlan {
  readonly name: string;
  readonly site: Site;
  readonly address: string;
  readonly command: string;
  readonly parameters: readonly string[];
  /** Default its temporary folder. */
  readonly workingFolder?: string;
  /** Puts into the data folder what has to be there before it starts. */
  readonly prepare?: () => void;
  /** Whether it answers; an error means no. */
  readonly answers: () => Promise<boolean>;
  /** What has to be written into a server that starts with empty data: users, roles. */
  readonly furnish?: () => Promise<void>;
}

/** A folder and free ports for a server. A port that is given stands first, and has to be free. */
export async function prepareSite(name: string, portCount: number, port?: number): Promise<Site> {
  const folder = mkdtempSync(join(processGuard().folder, `${name}-`));
  const ports = port === undefined ? await claimPorts(portCount) : [await claimPort(port), ...(await claimPorts(portCount - 1))];
  return { folder, data: join(folder, 'data'), ports };
}

/** Starts a server as a child process, and waits until it answers. */
export async function startServer(plan: ServerPlan): Promise<ChildServer> {
  const server = new ChildServer(plan);
  try {
    await server.restart();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** A server that runs as a child of this process. The guard ends it if this process dies. */
export class ChildServer implements ServerProcess {
  private child: ChildProcess | undefined;
  private furnished = false;

  constructor(private readonly plan: ServerPlan) {}

  get address(): string {
    return this.plan.address;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`${this.plan.name} does not run`);
    return this.child.pid;
  }

  get folder(): string {
    return this.plan.site.folder;
  }

  freeze(): void {
    this.signal('SIGSTOP');
    waitUntilStopped(this.pid);
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    child.ref();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async restart({ empty = false }: RestartOptions = {}): Promise<void> {
    await this.kill();
    const { site, name, answers, prepare, furnish } = this.plan;
    if (empty) {
      rmSync(site.data, { recursive: true, force: true });
      this.furnished = false;
    }
    mkdirSync(site.data, { recursive: true });
    prepare?.();
    const child = this.spawn();
    await this.untilAnswers(child, answers);
    if (this.furnished || furnish === undefined) return;
    await furnish().catch((cause: unknown) => {
      throw new Error(`${name} could not be set up: ${String(cause)}\n${this.log()}`, { cause });
    });
    this.furnished = true;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.plan.site.folder, { recursive: true, force: true });
    releasePorts(this.plan.site.ports);
  }

  log(): string {
    try {
      const file = openSync(this.logFile, 'r');
      const { size } = fstatSync(file);
      const tail = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
      readSync(file, tail, 0, tail.length, size - tail.length);
      closeSync(file);
      return tail.toString();
    } catch {
      return '(no log)';
    }
  }

  private get logFile(): string {
    return join(this.plan.site.folder, 'server.log');
  }

  /** Output goes to a file, so that nobody has to read it, and nothing of a forgotten server keeps the process alive. */
  private spawn(): ChildProcess {
    const { command, parameters, site, workingFolder = site.folder } = this.plan;
    const output = openSync(this.logFile, 'a');
    const child = spawn(command, parameters, {
      cwd: workingFolder,
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    child.unref();
    child.on('error', (error) => appendFileSync(this.logFile, `${String(error)}\n`));
    const { pid } = child;
    if (pid !== undefined) {
      processGuard().tell('started', pid);
      child.on('exit', () => {
        processGuard().tell('ended', pid);
        if (this.child === child) this.child = undefined;
      });
      this.child = child;
    }
    return child;
  }

  private async untilAnswers(child: ChildProcess, answers: () => Promise<boolean>): Promise<void> {
    const { name } = this.plan;
    try {
      await eventually(
        `${name} answers`,
        () => {
          if (this.child !== child) return true;
          return answers();
        },
        { withinMs: START_MS, everyMs: 50 },
      );
    } catch (cause) {
      throw new Error(`${name} did not start: ${String(cause)}\n${this.log()}`, { cause });
    }
    if (this.child !== child) throw new Error(`${name} ended while it started\n${this.log()}`);
  }
}
