import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** A request that the fake agent has got, and the way to answer it. */
export interface AskedQuestion {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
  readonly response: ServerResponse;
}

/** What stands in for a Consul where a test needs one that says exactly this. */
export class FakeAgent {
  /** Questions that nobody has answered yet. */
  readonly waiting: AskedQuestion[] = [];
  asked = 0;
  private readonly arrivals: ((question: AskedQuestion) => void)[] = [];

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url ?? '/', 'http://agent');
      const token = request.headers['x-consul-token'];
      this.asked++;
      const question = { path: url.pathname, query: url.searchParams, token: typeof token === 'string' ? token : undefined, response };
      const arrival = this.arrivals.shift();
      if (arrival === undefined) this.waiting.push(question);
      else arrival(question);
    });
  }

  static async start(test: TestContext): Promise<FakeAgent> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    test.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return new FakeAgent(server);
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next question that has not been answered. */
  question(): Promise<AskedQuestion> {
    const question = this.waiting.shift();
    return question === undefined ? new Promise((resolve) => this.arrivals.push(resolve)) : Promise.resolve(question);
  }

  /** Answers the next question with a list, and gives what was asked. */
  async answer(index: number, entries: readonly object[], headers: Readonly<Record<string, string>> = {}): Promise<AskedQuestion> {
    const question = await this.question();
    question.response.writeHead(200, { 'x-consul-index': String(index), ...headers });
    question.response.end(JSON.stringify(entries));
    return question;
  }

  /** Answers the next question with something else. */
  async refuse(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Promise<AskedQuestion> {
    const question = await this.question();
    question.response.writeHead(status, headers);
    question.response.end(body);
    return question;
  }
}
