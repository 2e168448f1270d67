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

/** The way from a source to its registry, for a test to break and mend. */
export class Network {
  private readonly sockets = new Set<Socket>();
  private state: NetworkState = 'open';
  /** When the first connection was passed on after the network was mended, by `performance.now()`. */
  mendedConnectionAt: number | undefined = undefined;
  /** Connections so far. */
  connections = 0;

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

  turn(state: NetworkState): void {
    this.state = state;
    this.mendedConnectionAt = undefined;
    for (const socket of this.sockets) {
      if (state === 'silent') socket.pause();
      else socket.resetAndDestroy();
    }
  }

  close(): void {
    this.turn('refusing');
    this.server.close();
  }

  private accept(near: Socket): void {
    this.connections++;
    this.keep(near);
    if (this.state === 'refusing') {
      near.resetAndDestroy();
    } else if (this.state === 'failing') {
      // An HTTP client reads an error of the server's; every other one something that it does not understand.
      near.once('data', () => near.end('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbad\n'));
    } else if (this.state === 'silent') {
      near.pause();
    } else {
      this.mendedConnectionAt ??= performance.now();
      this.join(near);
    }
  }

  private join(near: Socket): void {
    const far = connect(this.port, this.host);
    this.keep(far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }
}
