import type { IncomingMessage } from 'node:http';
import type { DiscoveryHost } from '../../core/discovery.js';
import { type Fields, fieldsOf } from '../fields.js';
import { HttpClient } from '../http-client.js';
import { readBeginning } from '../read-body.js';
import { RegistryError } from '../registry-error.js';
import { ServerList } from '../server-list.js';
import type { EtcdSettings } from './etcd-settings.js';
import { GatewayError, isAboutTheRequest, type Purpose, type Refusal, refusalOf, wantsNewToken } from './gateway-error.js';
import { base64, textOf } from './messages.js';

/**
 * etcd's JSON gateway, which every member serves beside gRPC on the same port (docs/design/0006-etcd-gateway.md has the
 * reasons and the measurements). Every request is a POST of JSON.
 */

/** A request to one server. */
export interface GatewayRequest {
  /** `/v3/kv/range`. */
  readonly path: string;
  readonly body: Fields;
  /** What it is for: an error for want of permission says what to grant. */
  readonly purpose?: Purpose | undefined;
  /** Refused at once, or cancelled within seconds, by a member that sees no leader, in place of old data for ever. */
  readonly requireLeader?: boolean | undefined;
  /** Default: the source's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The gateway passes headers that begin like this on as gRPC metadata; this one is what etcd's own `WithRequireLeader` sets. */
const REQUIRE_LEADER = { 'Grpc-Metadata-hasleader': 'true' };

/** Errors are short; whatever is not, is none of etcd's. */
const LONGEST_ERROR_BYTES = 64 * 1_024;

export class Gateway {
  readonly servers: ServerList;
  private readonly http: HttpClient;
  /** Valid at every member. Undefined before the first is needed, and without a user. */
  private token: Promise<string> | undefined = undefined;

  constructor(
    readonly settings: EtcdSettings,
    readonly host: DiscoveryHost,
  ) {
    this.servers = new ServerList(settings.endpoints, host.random);
    this.http = new HttpClient({
      source: 'etcd',
      clock: host.clock,
      tls: settings.tls,
      advice: 'check endpoints, and tls where they begin with https://',
    });
  }

  /** Asks a server. @throws RegistryError when there is no good answer in time. */
  async call(server: string, request: GatewayRequest): Promise<Fields> {
    const { path } = request;
    return this.withToken(server, async (headers) => {
      const answer = await this.http.request({ server, ...this.sent(request, headers) });
      const body = parsed(answer.body);
      if (answer.status !== 200) throw this.refused(server, request, refusalIn(answer.body), answer.status);
      if (body === undefined)
        throw new RegistryError({ source: 'etcd', server, what: `answered POST ${path} with something that is not JSON` });
      // What etcd itself streams may end in an error after a good beginning.
      if (fieldsOf(body).error !== undefined) throw this.refused(server, request, refusalOf(body));
      return fieldsOf(body);
    });
  }

  /** Asks one server after the other until one answers: for what any of them may do. */
  async callAny(request: GatewayRequest): Promise<Fields> {
    for (let left = this.servers.size; ; left--) {
      const server = this.servers.current;
      try {
        return await this.call(server, request);
      } catch (error) {
        this.failed(server, error);
        const isFinal = error instanceof GatewayError && isAboutTheRequest(error.refusal);
        if (left <= 1 || isFinal || request.signal?.aborted === true) throw error;
      }
    }
  }

  /** Asks a server for an answer that is read as it comes. Whoever takes it reads it to its end or destroys it. */
  stream(server: string, request: GatewayRequest): Promise<IncomingMessage> {
    return this.withToken(server, async (headers) => {
      const message = await this.http.stream({ server, ...this.sent(request, headers) });
      if (message.statusCode === 200) return message;
      const reading = { clock: this.host.clock, idleMs: this.settings.requestTimeoutMs };
      const text = await readBeginning(message, reading, LONGEST_ERROR_BYTES);
      throw this.refused(server, request, refusalIn(text), message.statusCode);
    });
  }

  /**
   * Asks a member for one key. It is a linearizable read, which a member answers only when the others confirm that what
   * it knows is up to date. Rejects when there is no sign of life.
   */
  async probe(server: string, purpose: Purpose, signal: AbortSignal): Promise<void> {
    // A key that whoever may watch the prefix may also read, and that is not there.
    const body = { key: base64(purpose.prefix), keys_only: true };
    try {
      await this.call(server, { path: '/v3/kv/range', body, purpose, requireLeader: true, signal });
    } catch (error) {
      // Who refuses is there.
      if (!(error instanceof GatewayError && isAboutTheRequest(error.refusal))) throw error;
    }
  }

  /** The error for a refusal within a stream that had begun well. */
  refused(server: string, { path, purpose }: GatewayRequest, refusal: Refusal, status?: number): GatewayError {
    return new GatewayError(server, path, refusal, status, purpose, this.settings.username);
  }

  /** A server failed: the next request goes to the next one, unless another server would say the same. */
  failed(server: string, error: unknown): void {
    if (!(error instanceof GatewayError && isAboutTheRequest(error.refusal))) this.servers.failed(server);
  }

  /** The token of the moment is of no use any more. */
  forgetToken(): void {
    this.token = undefined;
  }

  close(): void {
    this.http.close();
  }

  private sent({ path, body, requireLeader, timeoutMs, signal }: GatewayRequest, headers: Readonly<Record<string, string>>) {
    return {
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...(requireLeader === true && REQUIRE_LEADER) },
      body: JSON.stringify(body),
      timeoutMs: timeoutMs ?? this.settings.requestTimeoutMs,
      signal,
    };
  }

  /** Runs a request with the token; once more with a new one if etcd has no use for the old. */
  private async withToken<T>(server: string, run: (headers: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
    if (this.settings.username === undefined) return run({});
    const used = this.tokenFrom(server);
    try {
      return await run(authorization(await used));
    } catch (error) {
      if (!(error instanceof GatewayError && wantsNewToken(error.refusal))) throw error;
      // Another request may have found out first.
      if (this.token === used) this.token = undefined;
      return run(authorization(await this.tokenFrom(server)));
    }
  }

  private tokenFrom(server: string): Promise<string> {
    if (this.token !== undefined) return this.token;
    const asked = this.authenticate(server);
    this.token = asked;
    asked.catch(() => {
      if (this.token === asked) this.token = undefined;
    });
    return asked;
  }

  private async authenticate(server: string): Promise<string> {
    const { username, password } = this.settings;
    const path = '/v3/auth/authenticate';
    const request = { path, body: { name: username, password } };
    const answer = await this.http.request({ server, ...this.sent(request, {}) });
    const body = parsed(answer.body);
    if (answer.status === 200) return textOf(fieldsOf(body).token);
    const refusal = refusalIn(answer.body);
    // A user is no mistake where nobody is asked who he is.
    if (refusal.message.includes('authentication is not enabled')) return '';
    throw this.refused(server, request, refusal, answer.status);
  }
}

function authorization(token: string): Readonly<Record<string, string>> {
  return token === '' ? {} : { authorization: token };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalIn(text: string): Refusal {
  const body = parsed(text);
  return body === undefined ? textRefusal(text) : refusalOf(body);
}

function textRefusal(text: string): Refusal {
  return { code: 2, message: text };
}
