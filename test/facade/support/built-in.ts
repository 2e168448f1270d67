import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Reply } from '../../../src/core/reply.js';
import { meshResponseClass } from '../../../src/facade/response.js';

const MeshResponse = meshResponseClass();

/** One answer, as a server would send it. */
export interface Answer {
  readonly status?: number;
  readonly statusText?: string;
  /** Names and values, as text of one character a byte. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** The chunks of the body. */
  readonly body?: readonly (string | Uint8Array)[];
  readonly method?: string;
}

/** The same answer twice: from the built-in fetch over a socket, and from a MeshResponse over a reply. */
export interface Pair {
  readonly builtIn: Response;
  readonly mesh: Response;
}

/** Has both ends answer alike. The server sends the bytes that are given and nothing of its own. */
export async function bothOf({ status = 200, statusText = 'OK', headers = [], body = [], method = 'GET' }: Answer): Promise<Pair> {
  const chunks = body.map((chunk) => Buffer.from(chunk));
  const head = [`HTTP/1.1 ${status} ${statusText}`, ...headers.map(([name, value]) => `${name}: ${value}`), 'connection: close', '', ''];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(head.join('\r\n'), 'latin1');
      for (const chunk of method === 'HEAD' ? [] : chunks) socket.write(chunk);
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const builtIn = await fetch(url, { method, redirect: 'manual' });
  server.close();

  const raw = [...headers, ['connection', 'close'] as const].flat().map((text) => Buffer.from(text, 'latin1'));
  const reply = new Reply(status, statusText, raw);
  if (method !== 'HEAD') for (const chunk of chunks) reply.push(chunk);
  reply.end();
  return { builtIn, mesh: new MeshResponse(reply, url, false, method) };
}

/** What came of something, in a form that can be compared. Errors of the built-in fetch are known by their class. */
export async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? { threw: errorKind(error) } : { threw: error };
  }
}

/** `MeshError` is a TypeError, as fetch's errors are; the words of an error are compared where they are its own. */
function errorKind(error: Error): string {
  if (error instanceof SyntaxError) return `SyntaxError: ${error.message}`;
  return error instanceof TypeError ? 'TypeError' : error.name;
}
