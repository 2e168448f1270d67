// The far ends of the examples: small HTTP servers on loopback, on ports of the system's choice. They let the
// process end once nobody is connected to them any more.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Starts a server; gives its address, such as `http://127.0.0.1:49152`. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts a server that answers every request with the same status and JSON. */
export function serveJson(value: unknown, status = 200, headers: Record<string, string> = {}): Promise<string> {
  return serve((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  });
}

/** The body of a request that a server received. */
export function bodyOf(request: IncomingMessage): Promise<string> {
  return text(request);
}
