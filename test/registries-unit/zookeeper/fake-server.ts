import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** What the fake server does with the bytes of a connection. Requests come one frame at a time, without the length. */
export interface FakeConnection {
  readonly socket: Socket;
  readonly frame: Buffer<ArrayBufferLike>;
  /** Which connection, and which frame on it, from 0. */
  readonly connection: number;
  readonly index: number;
}

/** A server that speaks as much of ZooKeeper's protocol as a test makes it: for answers that no real one gives at will. */
export async function fakeServer(
  test: TestContext,
  answer: (got: FakeConnection) => void,
): Promise<{ address: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    const connection = connections++;
    let index = 0;
    let rest: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const end = 4 + rest.readInt32BE(0);
        answer({ socket, frame: rest.subarray(4, end), connection, index: index++ });
        rest = rest.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { address: `127.0.0.1:${address.port}`, sockets };
}

/** A body with its length in front. */
export function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** The answer to the handshake: a session, with an id made of `session`. */
export function welcome(session = 1, timeoutMs = 6_000): Buffer {
  const body = Buffer.alloc(4 + 4 + 8 + 4 + 16);
  body.writeInt32BE(timeoutMs, 4);
  body.writeBigInt64BE(BigInt(session), 8);
  body.writeInt32BE(16, 16);
  return framed(body);
}

/** An answer to a request: its number, an error code, and what comes after the header. */
export function reply(request: Buffer, code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32BE(request.readInt32BE(0), 0);
  header.writeBigInt64BE(5n, 4);
  header.writeInt32BE(code, 12);
  return framed(Buffer.concat([header, rest]));
}

/** The news that something happened to a znode, by the number of the kind of change. */
export function notification(kind: number, path: string): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32BE(-1, 0);
  // The kind, and the state of the session.
  const event = Buffer.alloc(8);
  event.writeInt32BE(kind, 0);
  return framed(Buffer.concat([header, event, framed(Buffer.from(path))]));
}

/** What follows the header of a list of children. */
export function childrenBody(names: readonly string[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeInt32BE(names.length);
  const stat = Buffer.alloc(68);
  return Buffer.concat([count, ...names.map((name) => framed(Buffer.from(name))), stat]);
}
