import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** Stands before a real server: notes what is asked, and answers itself what a test wants answered differently. */
export interface Proxy {
  /** Eureka's base path on the proxy. */
  readonly url: string;
  /** `GET /apps/delta` and so on, in order. */
  readonly seen: string[];
  /** Answers a request in the server's place; false leaves it to the server. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** What requests wait for before they go on to the server. */
  gate: Promise<void>;
}

export async function startProxy(test: TestContext, target: string): Promise<Proxy> {
  const seen: string[] = [];
  const server = createServer(async (incoming, response) => {
    const path = incoming.url ?? '';
    seen.push(`${incoming.method} ${decodeURIComponent(path.replace(/^\/eureka/, '').replace(/\?.*/, ''))}`);
    if (proxy.intercept(incoming, response)) return;
    await proxy.gate;
    const outgoing = request(`${target}${path}`, { method: incoming.method, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/eureka`,
    seen,
    intercept: () => false,
    gate: Promise.resolve(),
  };
  return proxy;
}
