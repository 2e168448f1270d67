import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A line to a server that can be cut, as a network does it, while the server runs on for others. */
export class CuttableLine {
  /** Connections made so far. */
  made = 0;
  private isCut = false;
  private readonly sockets = new Set<Socket>();

  private constructor(readonly address: string) {}

  static async to(test: TestContext, server: string): Promise<CuttableLine> {
    const port = Number(server.split(':')[1]);
    let line: CuttableLine | undefined;
    const listener = createServer((socket) => line?.join(socket, connect(port, '127.0.0.1')));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const made = new CuttableLine(`127.0.0.1:${address.port}`);
    line = made;
    test.after(() => {
      made.cut();
      listener.close();
    });
    return made;
  }

  /** Connections there are. */
  get open(): number {
    return this.sockets.size / 2;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
  }

  private join(socket: Socket, onward: Socket): void {
    if (this.isCut) {
      socket.destroy();
      onward.destroy();
      return;
    }
    this.made++;
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}
