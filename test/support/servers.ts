import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** A server on loopback that knows its open sockets. */
export interface TestServer {
  readonly origin: string;
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  /** Sockets ever accepted. */
  readonly accepted: number;
  /** Resolves once no socket is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** An HTTP server with a request listener. */
export function httpServer(listener: RequestListener, port = 0): Promise<TestServer> {
  return listening(createServer({ keepAliveTimeout: 60_000 }, listener), port);
}

/** A server that speaks whatever `onRequest` writes, once for each chunk of bytes that comes. */
export function rawServer(onRequest: (socket: Socket, bytes: Buffer, nthOnSocket: number) => void, port = 0): Promise<TestServer> {
  const server = createTcpServer((socket) => {
    let nth = 0;
    socket.on('data', (bytes) => onRequest(socket, bytes, nth++));
    socket.on('error', () => {});
  });
  return listening(server, port);
}

/** The JSON answer that most tests want. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** A request's body, as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function listening(server: Server, port: number): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let onIdle: (() => void)[] = [];
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size > 0) return;
      for (const resolve of onIdle) resolve();
      onIdle = [];
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${bound}`,
    port: bound,
    sockets,
    get accepted() {
      return accepted;
    },
    idle: () => (sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
