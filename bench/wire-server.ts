import { createServer, type Socket } from 'node:net';

const END_OF_HEAD = '\r\n\r\n';
/** Connections that may wait to be accepted: an open-loop client makes many at once. */
const BACKLOG = 4_096;

/**
 * Listens for requests without a body, and hands on the socket once for each: a server that costs next to nothing.
 * Resolves to its URL.
 */
export function wireServer(requested: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      let rest: Buffer | undefined;
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        let buffer = rest === undefined ? bytes : Buffer.concat([rest, bytes]);
        for (let end = buffer.indexOf(END_OF_HEAD); end >= 0; end = buffer.indexOf(END_OF_HEAD)) {
          buffer = buffer.subarray(end + END_OF_HEAD.length);
          requested(socket);
        }
        rest = buffer.length === 0 ? undefined : buffer;
      });
    });
    server.listen(0, '127.0.0.1', BACKLOG, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      resolve(`http://127.0.0.1:${address.port}`);
    });
  });
}
