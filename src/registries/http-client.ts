import {
  type Agent,
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../core/clock.js';
import { excerpt, RegistryError } from './registry-error.js';
import type { TlsOptions } from './tls-options.js';

/** How a registry's servers are reached. */
export interface HttpClientOptions {
  /** The source's name, for errors. */
  readonly source: string;
  readonly clock: Clock;
  /** TLS of `https:` servers: Node's own options. */
  readonly tls?: TlsOptions | undefined;
  /** Makes the connections, in place of one for `tls`: that of a proxy. Closed along with the client. */
  readonly agent?: Agent | undefined;
  /** What to set when a server gives no answer, for errors. Default none. */
  readonly advice?: string | undefined;
}

/** One request to a registry. */
export interface HttpRequest {
  /** Scheme, host, port and base path of the server. */
  readonly server: string;
  /** Path and query, beginning with a slash; comes after the server's base path. */
  readonly path: string;
  /** Default GET. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as it is; set `content-type` along with it. */
  readonly body?: string | undefined;
  /** For the answer's headers and, with `request`, for the whole of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** More than any registry answers: a server gone mad must not fill the memory. */
const LONGEST_BODY_BYTES = 256 * 1_024 * 1_024;

/**
 * HTTP for talking to registries: connections that are kept, time limits, TLS, whole answers and streams. It is Node's
 * own client, since few requests are made, and each of them off the path of the user's.
 *
 * No socket of it keeps the process alive.
 */
export class HttpClient {
  private readonly http = new HttpAgent({ keepAlive: true, keepAliveMsecs: 15_000 });
  private readonly https: HttpsAgent;

  constructor(private readonly options: HttpClientOptions) {
    this.https = new HttpsAgent({ keepAlive: true, keepAliveMsecs: 15_000, ...options.tls });
  }

  /** Asks, and reads the whole answer, whatever its status. @throws RegistryError when there is no answer in time. */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    const exchange = this.open(request);
    try {
      const message = await exchange.headers;
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of message as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > LONGEST_BODY_BYTES) throw new Error(`its answer has more than ${LONGEST_BODY_BYTES} bytes`);
        chunks.push(chunk);
      }
      return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks).toString('utf8') };
    } catch (error) {
      exchange.destroy();
      throw exchange.failure(error);
    } finally {
      exchange.done();
    }
  }

  /**
   * Asks, and gives the answer's body as it comes: whoever takes it reads it to its end or destroys it. `timeoutMs` ends
   * at the headers. A body that breaks off throws the socket's own error; aborting `signal` destroys it.
   */
  async stream(request: HttpRequest): Promise<IncomingMessage> {
    const exchange = this.open(request);
    try {
      return await exchange.headers;
    } catch (error) {
      exchange.destroy();
      throw exchange.failure(error);
    } finally {
      exchange.done();
    }
  }

  /** Closes every connection. */
  close(): void {
    this.http.destroy();
    this.https.destroy();
    this.options.agent?.destroy();
  }

  private open({ server, path, method = 'GET', headers, body, timeoutMs, signal }: HttpRequest) {
    const url = new URL(server.replace(/\/+$/, '') + path);
    const isTls = url.protocol === 'https:';
    const sent: ClientRequest = (isTls ? httpsRequest : httpRequest)(url, {
      agent: this.options.agent ?? (isTls ? this.https : this.http),
      method,
      signal,
      headers: body === undefined ? { ...headers } : { 'content-length': Buffer.byteLength(body), ...headers },
    });
    let timedOut = false;
    const timer = this.options.clock.setTimer(() => {
      timedOut = true;
      sent.destroy(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    timer.unref();
    // An agent refs a socket each time that it hands it out.
    sent.on('socket', (socket) => socket.unref());
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve);
      // Errors after the headers are the body's, which reports them itself.
      sent.on('error', reject);
    });
    sent.end(body);
    const { source, advice } = this.options;
    return {
      headers: answered,
      destroy: () => sent.destroy(),
      done: () => timer.cancel(),
      failure: (cause: unknown): unknown => {
        if (signal?.aborted === true) return signal.reason;
        const reason = timedOut
          ? `did not answer ${method} ${pathOf(path)} within ${timeoutMs} ms`
          : `could not be asked (${reasonOf(cause)})`;
        return new RegistryError({ source, server, what: reason, advice, cause });
      },
    };
  }
}

/** What a refusal reads like in an error. */
export function answered(method: string, path: string, { status, body }: HttpAnswer): string {
  const detail = excerpt(body);
  return `answered ${status} to ${method} ${pathOf(path)}${detail === '' ? '' : ` (${detail})`}`;
}

/** Queries may hold tokens and say little. */
function pathOf(path: string): string {
  return path.replace(/\?.*$/s, '');
}

/** AggregateErrors of happy eyeballs have an empty message and a code; TLS errors have a message that says more than the code. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  if (cause.message === '') return code ?? cause.name;
  return cause.message;
}
