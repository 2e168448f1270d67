import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** What a test's own request to a registry needs: by hand, so that it does not depend on the client under test. */
export interface HttpOptions {
  readonly method?: string;
  /** A string as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The certificate authority, PEM; and a client's certificate and key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** How long the whole exchange may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** One exchange on a connection of its own, whatever the status. */
export function exchange(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { method, body, headers, timeoutMs = 10_000, ca, cert, key } = options;
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: method ?? (bytes === undefined ? 'GET' : 'POST'),
      headers: { ...(bytes && { 'content-type': 'application/json', 'content-length': bytes.length }), ...headers },
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.end(bytes);
  });
}

/** One exchange that has to succeed, and its answer's JSON (undefined where there is none). */
export async function callJson(url: string, options: HttpOptions = {}): Promise<unknown> {
  const { status, text } = await exchange(url, options);
  if (status < 200 || status > 299) throw new Error(`${options.method ?? ''} ${url}: ${status} ${text.slice(0, 500)}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}
