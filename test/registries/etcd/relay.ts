import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The network between a source and its etcd, which a test can cut, clog and mend, and in which it counts connections. */
export class Relay {
  private readonly server = createServer((near) => this.join(near));
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  private isClogged = false;
  private clogAt: string | undefined = undefined;
  private held: (() => void)[] = [];
  /** Requests that came through so far. */
  requests = 0;
  /** Bytes of answers that came through so far. */
  answered = 0;

  constructor(private readonly target: string) {}

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get open(): number {
    return this.sockets.size / 2;
  }

  /** Every connection ends, and new ones end at once. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Nothing comes through any more, and nobody is told. */
  clog(): void {
    this.isClogged = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** Clogs as soon as somebody asks for this path. */
  clogAtRequest(path: string): void {
    this.clogAt = `POST ${path} `;
  }

  get isStuck(): boolean {
    return this.isClogged;
  }

  mend(): void {
    this.isCut = false;
    this.isClogged = false;
    for (const send of this.held.splice(0)) send();
    for (const socket of this.sockets) socket.resume();
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  private join(near: Socket): void {
    if (this.isCut) {
      near.destroy();
      return;
    }
    const { hostname, port } = new URL(this.target);
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => {});
      from.on('data', (chunk: Buffer) => {
        if (from === far) this.answered += chunk.length;
        if (from === near) {
          if (chunk.includes('POST /')) this.requests++;
          if (this.clogAt !== undefined && chunk.includes(this.clogAt)) {
            this.clogAt = undefined;
            this.held.push(() => to.write(chunk));
            this.clog();
            return;
          }
        }
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (!this.isClogged) from.resume();
      });
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.isClogged) from.pause();
    }
  }
}
