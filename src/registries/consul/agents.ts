import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.js';
import type { DiscoveryHost } from '../../core/discovery.js';
import { type HttpAnswer, HttpClient } from '../http-client.js';
import { readBeginning } from '../read-body.js';
import { ServerList } from '../server-list.js';
import { ServerLiveness } from '../server-liveness.js';
import type { ConsulSettings } from './options.js';
import { type RefusedRequest, refusal } from './refusal.js';
import { TokenSource } from './token.js';

/** A request to an agent. */
export interface AgentRequest {
  readonly server: string;
  readonly path: string;
  /** Default GET. */
  readonly method?: 'GET' | 'PUT' | 'POST' | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** What the token has to allow, for the error. */
  readonly permission: string;
}

/** A body that is coming in. */
export interface IncomingAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly message: IncomingMessage;
  /** Whether the request had a token. */
  readonly hasToken: boolean;
  /** Has to be called once the answer was read or given up. */
  done(): void;
}

/** Errors are a line of text; whatever else it is, this is enough of it. */
const LONGEST_REFUSAL_BYTES = 4_096;

/** The agents of one Consul, with the token that goes to each and the watch on their silence. */
export class Agents {
  readonly servers: ServerList;
  private readonly clock: Clock;
  private readonly client: HttpClient;
  private readonly token: TokenSource;
  private readonly liveness: ServerLiveness;

  constructor(
    private readonly settings: ConsulSettings,
    host: DiscoveryHost,
  ) {
    const { clock, random } = host;
    this.clock = clock;
    const { addresses, tls, livenessMs, requestTimeoutMs } = settings;
    this.servers = new ServerList(addresses, random);
    this.client = new HttpClient({
      source: 'consul',
      clock,
      tls,
      advice: "set address to that of a running agent, as in 'http://127.0.0.1:8500'",
    });
    this.token = new TokenSource(settings);
    this.liveness = new ServerLiveness(host, livenessMs, async (server, _watcher, signal) => {
      // Needs no permission, and the agent has to ask a server for it: so both are alive.
      await this.client.request({ server, path: '/v1/status/leader', timeoutMs: requestTimeoutMs, signal });
    });
  }

  /** A short request. Gives the answer whatever its status. @throws RegistryError when there is none in time. */
  request(request: AgentRequest): Promise<HttpAnswer> {
    return this.withToken(async (token) => {
      const { server, path, method, signal, body } = request;
      const answer = await this.client.request({
        server,
        path,
        method,
        signal,
        headers: headersFor(token),
        body: body === undefined ? undefined : JSON.stringify(body),
        timeoutMs: this.settings.requestTimeoutMs,
      });
      this.liveness.heard(server);
      return answer;
    });
  }

  /** A short request that has to succeed. @throws RegistryError that says what to set. */
  async command(request: AgentRequest): Promise<HttpAnswer> {
    const answer = await this.request(request);
    if (answer.status !== 200) throw refusal(await this.refused(request), answer);
    return answer;
  }

  /**
   * A request whose answer may take long, in both ways: until it begins, and until it ends. Aborted when the agent turns
   * out to be silent.
   *
   * @throws RegistryError for any answer but a 200.
   */
  async open(request: AgentRequest, withinMs: number): Promise<IncomingAnswer> {
    const { server, path, signal } = request;
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    const leave = this.liveness.join(server, { dead: (error) => controller.abort(error) });
    const done = (): void => {
      leave();
      signal?.removeEventListener('abort', abort);
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.withToken(async (token) => {
        const message = await this.client.stream({
          server,
          path,
          headers: headersFor(token),
          timeoutMs: withinMs,
          signal: controller.signal,
        });
        this.liveness.heard(server);
        const status = message.statusCode ?? 0;
        if (status === 200) return { status, headers: message.headers, message, hasToken: token !== undefined, done };
        const answer = { status, headers: message.headers, body: await this.beginningOf(message) };
        throw refusal(await this.refused(request), answer);
      });
    } catch (error) {
      done();
      throw error;
    }
  }

  heard(server: string): void {
    this.liveness.heard(server);
  }

  close(): void {
    this.liveness.stop();
    this.client.close();
  }

  /** Asks again, once, where the token was refused and the file has another one by now. */
  private async withToken<Answer extends { readonly status: number }>(
    ask: (token: string | undefined) => Promise<Answer>,
  ): Promise<Answer> {
    const token = await this.token.current();
    let refused: { readonly answer: Answer } | { readonly error: unknown };
    try {
      const answer = await ask(token);
      if (answer.status !== 403) return answer;
      refused = { answer };
    } catch (error) {
      if ((error as { status?: unknown }).status !== 403) throw error;
      refused = { error };
    }
    if (await this.token.renewed(token)) return await ask(await this.token.current());
    if ('answer' in refused) return refused.answer;
    throw refused.error;
  }

  private beginningOf(message: IncomingMessage): Promise<string> {
    return readBeginning(message, { clock: this.clock, idleMs: this.settings.requestTimeoutMs }, LONGEST_REFUSAL_BYTES);
  }

  private async refused({ server, method = 'GET', path, permission }: AgentRequest): Promise<RefusedRequest> {
    return { server, method, path, permission, hasToken: (await this.token.current()) !== undefined };
  }
}

function headersFor(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { 'x-consul-token': token };
}
