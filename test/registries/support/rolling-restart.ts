import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createMesh, type Discovery, type DrainResult, type Mesh } from '../../../src/index.js';
import { until } from '../../discovery/recording-sink.js';
import type { SourceRecipe } from './source-recipe.js';

/** Which service is restarted, and over which registry. */
export interface RollingRestartPlan {
  /** The caller's source; closed at the end. */
  readonly discovery: Discovery;
  /** How the replicas make theirs. */
  readonly recipe: SourceRecipe;
  readonly service: string;
  /** How long a replica that leaves goes on serving, in milliseconds. Default: what the registry needs. */
  readonly propagationMs?: number;
  /** Default 4. */
  readonly replicas?: number;
  /** Default 300. */
  readonly requestsPerSecond?: number;
}

/** What a rolling restart came to. */
export interface RollingRestart {
  readonly requests: number;
  /** What failed, or was not answered with 200: nothing, if all is well. */
  readonly failures: readonly string[];
  /** Attempts that failed and were repeated. */
  readonly retries: number;
  /** How many different processes have answered. */
  readonly processes: number;
  /** What the drain of each replica that was restarted came to. */
  readonly drains: readonly DrainResult[];
  /** Of the requests, in milliseconds. */
  readonly p99Ms: number;
}

const SCRIPT = fileURLToPath(new URL('./replica.js', import.meta.url));
const BEAT_MS = 10;

/**
 * Restarts the replicas of a service one after the other, each on its own port, while somebody calls it, half of the
 * calls with POST, which must not be repeated once they were sent.
 */
export async function rollingRestart(plan: RollingRestartPlan): Promise<RollingRestart> {
  const { discovery, service, replicas = 4, requestsPerSecond = 300 } = plan;
  const mesh = createMesh({ discovery });
  let retries = 0;
  mesh.on('retry', () => retries++);
  const children: ChildProcess[] = [];
  try {
    const running = await Promise.all(Array.from({ length: replicas }, () => start(plan, 0, children)));
    await mesh.ready([service], { minEndpoints: replicas });
    const load = new Load(mesh, service, requestsPerSecond);
    load.start();
    await until(() => load.answeredBy.size === replicas, 'an answer of each replica');
    const drains: DrainResult[] = [];
    for (const { child, port } of running) {
      drains.push(await end(child));
      await until(() => endpoints(mesh, service) === replicas - 1, 'the end of the endpoint');
      const { pid } = (await start(plan, port, children)).child;
      await until(() => load.answeredBy.has(`${pid}`), 'the first answer of the new replica');
    }
    await load.stop();
    const { requests, failures, answeredBy } = load;
    return { requests, failures, retries, processes: answeredBy.size, drains, p99Ms: load.p99Ms };
  } finally {
    await mesh.close({ graceMs: 0 });
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Starts a replica on a port, or on any free one for 0; resolves once it is announced. */
async function start(plan: RollingRestartPlan, port: number, children: ChildProcess[]): Promise<{ child: ChildProcess; port: number }> {
  const { recipe, service, propagationMs } = plan;
  const child = fork(SCRIPT, [JSON.stringify(recipe), service, `${port}`, `${propagationMs ?? ''}`]);
  children.push(child);
  return { child, ...(await message<{ port: number }>(child)) };
}

async function end(child: ChildProcess): Promise<DrainResult> {
  const drained = message<DrainResult>(child);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const [code, signal] = await exited;
  if (code !== 0) throw new Error(`a replica ended with ${code ?? signal}`);
  return await drained;
}

async function message<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a replica ended with ${code} before it said anything`)));
  const said = once(child, 'message');
  // The end comes after the message, and is then nobody's concern.
  ended.catch(() => {});
  const [first] = (await Promise.race([said, ended])) as [T];
  return first;
}

function endpoints(mesh: Mesh, service: string): number | undefined {
  return mesh.inspect().services[service]?.endpoints.length;
}

/** Calls at an even pace, whether or not the calls before have been answered. */
class Load {
  requests = 0;
  readonly failures: string[] = [];
  readonly answeredBy = new Set<string>();
  private readonly durations: number[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly mesh: Mesh,
    private readonly service: string,
    private readonly perSecond: number,
  ) {}

  start(): void {
    const startedMs = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - startedMs) / 1_000) * this.perSecond;
      while (this.requests < due) this.send(this.requests++);
    }, BEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  get p99Ms(): number {
    const sorted = [...this.durations].sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  }

  private send(number: number): void {
    const sent = this.call(number);
    this.underWay.add(sent);
    sent.then(() => this.underWay.delete(sent));
  }

  private async call(number: number): Promise<void> {
    const startedMs = performance.now();
    const isPost = number % 2 === 1;
    try {
      const init = isPost ? { method: 'POST', body: 'once' } : {};
      const response = await this.mesh.service(this.service).fetch(`/${number}`, init);
      if (response.status !== 200) this.failures.push(`request ${number}: ${response.status}`);
      this.answeredBy.add(await response.text());
    } catch (error) {
      this.failures.push(`request ${number}: ${error instanceof Error ? error.message : error}`);
    }
    this.durations.push(performance.now() - startedMs);
  }
}
