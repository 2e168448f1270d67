import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { until } from '../../discovery/recording-sink.js';

/** What a test's API server was asked, and how it answers. */
export class Asked {
  readonly query: URLSearchParams;
  readonly isWatch: boolean;

  constructor(
    readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    this.query = new URL(request.url ?? '/', 'http://x').searchParams;
    this.isWatch = this.query.has('watch');
  }

  get version(): string | null {
    return this.query.get('resourceVersion');
  }

  /** A page of a list. */
  list(resourceVersion: string, items: readonly unknown[], next?: string): void {
    const metadata = { resourceVersion, ...(next !== undefined && { continue: next }) };
    this.response.end(JSON.stringify({ kind: 'EndpointSliceList', metadata, items }));
  }

  refuse(status: number, message = 'refused'): void {
    this.response.writeHead(status).end(JSON.stringify({ kind: 'Status', code: status, message }));
  }

  /** Accepts a watch. */
  accept(): this {
    this.response.flushHeaders();
    return this;
  }

  event(type: string, object: unknown): this {
    this.response.write(`${JSON.stringify({ type, object })}\n`);
    return this;
  }

  bookmark(resourceVersion: string): this {
    return this.event('BOOKMARK', { metadata: { resourceVersion } });
  }

  write(text: string): this {
    this.response.write(text);
    return this;
  }

  /** Ends it as a server does. */
  end(): void {
    this.response.end();
  }

  /** Ends it as a network does. */
  breakOff(): void {
    this.response.destroy();
  }
}

/** An API server that says what the test says: for what a real one cannot be made to do. */
export class ScriptedApiServer {
  /** Requests for slices that nobody took yet. */
  private readonly waiting: Asked[] = [];
  requests = 0;

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/version') {
        response.end('{}');
        return;
      }
      this.requests++;
      this.waiting.push(new Asked(request, response));
    });
  }

  static async start(test: TestContext): Promise<ScriptedApiServer> {
    const server = createServer().listen(0, '127.0.0.1');
    test.after(() => {
      server.close();
      server.closeAllConnections();
    });
    await once(server, 'listening');
    return new ScriptedApiServer(server);
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next request for slices. */
  async next(): Promise<Asked> {
    await until(() => this.waiting.length > 0, 'a request');
    return this.waiting.shift() as Asked;
  }
}
