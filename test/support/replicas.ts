import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What a replica does with a request. */
export type Behaviour =
  | 'ok'
  | 'unavailable'
  | 'garbage'
  | 'hang'
  | 'reset'
  | ((request: IncomingMessage, response: ServerResponse) => void);

/** A request as a replica saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly id: string | undefined;
}

/**
 * One instance of a small HTTP service on loopback, that can be killed, brought back on its port, and told to
 * misbehave. It knows its sockets and what it has seen.
 */
export class Replica {
  behaviour: Behaviour = 'ok';
  /** A request is seen when its headers are there, whatever becomes of it. */
  readonly seen: Seen[] = [];
  readonly sockets = new Set<Socket>();
  accepted = 0;
  private server: Server | undefined;
  private port = 0;

  /** @param keepAliveMs after which idle sockets are closed by the replica. */
  constructor(
    private readonly keepAliveMs = 60_000,
    private readonly host = '127.0.0.1',
  ) {}

  static async start(keepAliveMs?: number, host?: string): Promise<Replica> {
    const replica = new Replica(keepAliveMs, host);
    await replica.start();
    return replica;
  }

  get url(): string {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: this.keepAliveMs }, (request, response) => this.serve(request, response));
    // Node adds a second of its own to the time that it announces.
    Object.assign(server, { keepAliveTimeoutBuffer: 0 });
    server.on('connection', (socket: Socket) => {
      this.accepted++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
    server.listen(this.port, this.host);
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Dies as a killed process does: nobody listens, every connection is reset. */
  async kill(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    this.closeSockets();
    await closed;
  }

  /** Resets every connection, and goes on listening. */
  closeSockets(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, path: url, id: headers['x-id'] as string | undefined });
    request.resume();
    switch (this.behaviour) {
      case 'ok':
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ from: this.port, path: url }));
        return;
      case 'unavailable':
        response.writeHead(503).end('not now');
        return;
      case 'garbage':
        response.socket?.end('220 smtp.example ESMTP\r\n');
        return;
      case 'hang':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      default:
        this.behaviour(request, response);
    }
  }
}

/** Waits until `condition` holds, and fails if it does not within the bound. */
export async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await wait(5);
  }
}

/** How many are started together by a loop that fell behind: a machine that stood still must not make a flood of it. */
const MOST_TOGETHER = 8;

/** Starts `count` pieces of work at a steady rate, whatever becomes of the earlier ones: an open loop. */
export async function openLoop<T>(
  count: number,
  perSecond: number,
  work: (index: number) => Promise<T>,
): Promise<PromiseSettledResult<T>[]> {
  const started = performance.now();
  const all: Promise<PromiseSettledResult<T>>[] = [];
  while (all.length < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - started) / 1_000) * perSecond));
    const together = Math.min(due, all.length + MOST_TOGETHER);
    while (all.length < together) {
      all.push(
        work(all.length).then(
          (value) => ({ status: 'fulfilled', value }),
          (reason) => ({ status: 'rejected', reason }),
        ),
      );
    }
    await wait(1);
  }
  return Promise.all(all);
}
