import type { Socket } from 'node:net';
import { systemClock } from '../src/core/clock.js';
import { ServerLoad } from '../src/load-reports/server-load.js';
import { seededRandom } from '../src/testing/seeded-random.js';
import { answer } from './child.js';
import { wireServer } from './wire-server.js';

/**
 * The far end of the fleet benchmark: servers on ports of their own, all in one process. A request waits in its
 * server's queue for one of the workers and then for a timer, which stands for the work; so the servers have the
 * capacity that they are given, whatever the machine, as long as the process itself has time to spare.
 *
 * Each answer has the header that `loadReports()` makes, from the same code, with a load for each server.
 *
 * It speaks HTTP by looking for the end of each request's head: see wire-server.ts.
 */

/** What the servers are. */
export interface FleetTask {
  readonly servers: number;
  /** How many of them are slow: the last ones. */
  readonly slow: number;
  /** How many requests a server works for at a time. */
  readonly workers: number;
  /** How long a request takes on average, without the queue. */
  readonly fastMs: number;
  readonly slowMs: number;
  /** How these times are spread: evenly from half to one and a half of them, or exponentially. */
  readonly spread: 'even' | 'exponential';
  readonly seed: number;
}

const AVERAGE_MS = 5_000;
const BODY = '{"ok":true}';

const task = JSON.parse(process.argv[2] ?? '') as Omit<FleetTask, 'seed'>;

/** One server: its queue, and what it says of its load. */
class FleetServer {
  private load: ServerLoad;
  private chance = seededRandom(0);
  /** When each worker will be done with what it has been given. */
  private readonly freeAtMs: Float64Array;
  private busyMs = 0;

  constructor(
    private readonly index: number,
    private readonly meanMs: number,
  ) {
    this.freeAtMs = new Float64Array(task.workers);
    this.load = this.newLoad();
  }

  /** Begins anew, with other service times. */
  restart(seed: number): void {
    this.chance = seededRandom(seed * 1_000 + this.index);
    this.freeAtMs.fill(0);
    this.load = this.newLoad();
  }

  listen(): Promise<string> {
    return wireServer((socket) => this.work(socket));
  }

  /** First come, first served: the worker that is free first takes it. When it is done is known beforehand. */
  private work(socket: Socket): void {
    const { load } = this;
    const begunMs = load.begin();
    const worker = this.freeAtMs.indexOf(Math.min(...this.freeAtMs));
    const drawn = this.chance.next();
    const workMs = (task.spread === 'even' ? 0.5 + drawn : -Math.log(1 - drawn)) * this.meanMs;
    const doneMs = Math.max(begunMs, this.freeAtMs[worker] as number) + workMs;
    this.freeAtMs[worker] = doneMs;
    this.busyMs += workMs;
    setTimeout(
      () => {
        load.answered(200, begunMs);
        const head = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\nEndpoint-Load-Metrics: ${load.report()}\r\n\r\n`;
        load.end();
        if (!socket.destroyed) socket.write(head + BODY);
      },
      Math.round(doneMs - begunMs),
    );
  }

  private newLoad(): ServerLoad {
    return new ServerLoad(AVERAGE_MS, systemClock, () => ({ cpuMs: this.busyMs / task.workers, loopMs: 0 }));
  }
}

const servers = Array.from(
  { length: task.servers },
  (_, index) => new FleetServer(index, index < task.servers - task.slow ? task.fastMs : task.slowMs),
);
answer(await Promise.all(servers.map((server) => server.listen())));

/** Begins a round, or tells how much of its core it has used, in microseconds since it started. */
process.on('message', (message: 'cpu' | Pick<FleetTask, 'seed'>) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    answer(user + system);
  } else {
    for (const server of servers) server.restart(message.seed);
    answer('ready');
  }
});
