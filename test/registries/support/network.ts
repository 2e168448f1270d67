import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of the bytes on the way. */
export type NetworkState =
  /** They pass. */
  | 'open'
  /** Every connection is reset, and so is each new one. */
  | 'refusing'
  /** Connections are accepted, nothing passes, nobody is told: a dead network. */
  | 'silent'
  /** Each request is answered with what no registry would say. */
  | 'failing';

/** The way from a source to its registry, for a test to break and mend, and in which it counts what passes. */
export class Network {
  private readonly sockets = new Set<Socket>();
  private currentState: NetworkState = 'open';
  private silentAt: string | undefined = undefined;
  /** What was on its way when the network fell silent. */
  private held: (() => void)[] = [];
  /** When the first connection was passed on after the network was mended, by `performance.now()`. */
  mendedConnectionAt: number | undefined = undefined;
  /** Connections that were passed on so far. */
  connections = 0;
  /** HTTP requests that came so far: pieces of bytes in which one begins. */
  requests = 0;
  /** Bytes of answers that came so far. */
  answered = 0;

  private constructor(
    private readonly server: Server,
    private readonly host: string,
    private readonly port: number,
  ) {
    server.on('connection', (near) => this.accept(near));
  }

  /** A way to `host:port`, or to what a URL names. */
  static async to(target: string): Promise<Network> {
    const { hostname, port } = new URL(target.includes('://') ? target : `tcp://${target}`);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Network(server, hostname, Number(port));
  }

  /** Host and port at this end. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get state(): NetworkState {
    return this.currentState;
  }

  /** Connections that are passed on. */
  get open(): number {
    return this.sockets.size / 2;
  }

  /** Changes what becomes of the bytes. Every change but one to silence resets the connections that there are. */
  turn(state: NetworkState): void {
    this.currentState = state;
    this.mendedConnectionAt = undefined;
    if (state !== 'silent') this.held = [];
    for (const socket of this.sockets) {
      if (state === 'silent') socket.pause();
      // A socket that has ended its side is not reset: with resets of such sockets a process once did not end.
      else if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Ends a silence as if nothing had been: what was held up passes on, and connections live on. */
  resume(): void {
    this.currentState = 'open';
    for (const send of this.held.splice(0)) send();
    for (const socket of this.sockets) socket.resume();
  }

  /** Falls silent as soon as somebody sends this, before it is passed on: `POST /v3/watch `. */
  silentOn(text: string): void {
    this.silentAt = text;
  }

  close(): void {
    this.turn('refusing');
    this.server.close();
  }

  private accept(near: Socket): void {
    near.on('error', () => {});
    if (this.currentState === 'refusing') {
      near.resetAndDestroy();
    } else if (this.currentState === 'failing') {
      // An HTTP client reads an error of the server's; every other one something that it does not understand.
      near.once('data', () => near.end('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbad\n'));
    } else {
      this.connections++;
      this.join(near);
    }
  }

  private join(near: Socket): void {
    const far = connect(this.port, this.host);
    if (this.currentState === 'open') this.mendedConnectionAt ??= performance.now();
    this.carry(near, far, (chunk) => {
      if (/(?:GET|PUT|POST|DELETE) \//.test(chunk.toString('latin1'))) this.requests++;
      if (this.silentAt === undefined || !chunk.includes(this.silentAt)) return true;
      this.silentAt = undefined;
      this.turn('silent');
      return false;
    });
    this.carry(far, near, (chunk) => {
      this.answered += chunk.length;
      return true;
    });
  }

  /** Passes on what comes from one side, unless `look` has other plans with it. */
  private carry(from: Socket, to: Socket, look: (chunk: Buffer) => boolean): void {
    this.sockets.add(from);
    from.on('error', () => {});
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroySoon();
    });
    from.on('data', (chunk: Buffer) => {
      if (!look(chunk)) this.held.push(() => to.write(chunk));
      else if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (this.currentState === 'open') from.resume();
    });
    if (this.currentState === 'silent') from.pause();
  }
}
