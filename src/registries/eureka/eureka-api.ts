import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Clock } from '../../core/clock.js';
import { answered, HttpClient, type HttpRequest } from '../http-client.js';
import { JsonElements } from '../json-elements.js';
import { type BodyReading, readBeginning, readBody } from '../read-body.js';
import { excerpt, RegistryError } from '../registry-error.js';
import type { EurekaServer, EurekaSettings } from './options.js';

/** The source's name, in errors and events. */
export const SOURCE = 'eureka';

/** Takes the text of an instance, and the name of the application that it stands in. */
export type OnInstance = (json: string, application: string) => void;

/** Whether there is no need to look at an instance. */
export type IsKnown = (bytes: Buffer, application: string) => boolean;

/** How a list is read. */
export interface ListReading {
  readonly signal: AbortSignal;
  /** Statuses that are an answer, too, but no list. Default: none. */
  readonly expected?: readonly number[] | undefined;
  /** Default: none is known. */
  readonly isKnown?: IsKnown | undefined;
}

/** What a server answered to a question about instances. */
export interface ListAnswer {
  readonly status: number;
  /** The hash of all instances that the server has; undefined where it does not say. */
  readonly hash: string | undefined;
}

/** Of an answer that is no list, no more than errors show is read. */
const LONGEST_REFUSAL_BYTES = 16 * 1_024;
/** More than the largest registry has. */
const LONGEST_LIST_BYTES = 256 * 1_024 * 1_024;

/** Eureka's REST interface, in JSON. */
export class EurekaApi {
  private readonly client: HttpClient;

  constructor(
    private readonly settings: EurekaSettings,
    private readonly clock: Clock,
  ) {
    this.client = new HttpClient({ source: SOURCE, clock, tls: settings.tls });
  }

  /**
   * Asks for instances, and hands them on one by one while they arrive. A status in `expected` is an answer, too, but no list.
   *
   * @throws RegistryError for every other answer, and for none.
   */
  async list(
    server: EurekaServer,
    path: string,
    onInstance: OnInstance,
    { signal, expected = [], isKnown }: ListReading,
  ): Promise<ListAnswer> {
    const { requestTimeoutMs: timeoutMs } = this.settings;
    const headers = { ...headersOf(server), 'accept-encoding': 'gzip' };
    const message = await this.client.stream({ server: server.url, path, headers, timeoutMs, signal });
    const status = message.statusCode ?? 0;
    const reading = { clock: this.clock, idleMs: timeoutMs };
    try {
      const body = decoded(message);
      if (status !== 200) {
        const refusal = await readBeginning(body, reading, LONGEST_REFUSAL_BYTES);
        if (expected.includes(status)) return { status, hash: undefined };
        throw refused(server, 'GET', path, status, refusal);
      }
      if (!/\bjson\b/.test(message.headers['content-type'] ?? ''))
        throw strange(server, path, await readBeginning(body, reading, LONGEST_REFUSAL_BYTES));
      return { status, hash: hashOf(await split(body, reading, onInstance, isKnown)) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof RegistryError) throw error;
      const what = `broke off its answer to GET ${path} (${error instanceof Error ? error.message : String(error)})`;
      throw new RegistryError({ source: SOURCE, server: server.url, what, cause: error });
    } finally {
      message.destroy();
    }
  }

  /** Sends something small, and gives the answer's status. @throws RegistryError for a status that is not in `expected`. */
  async send(
    server: EurekaServer,
    request: Pick<HttpRequest, 'method' | 'path' | 'signal'> & { readonly method: string; readonly json?: unknown },
    expected: readonly number[],
  ): Promise<number> {
    const { method, path, signal, json } = request;
    const answer = await this.client.request({
      server: server.url,
      method,
      path,
      signal,
      timeoutMs: this.settings.requestTimeoutMs,
      headers: { ...headersOf(server), ...(json !== undefined && { 'content-type': 'application/json' }) },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
    if (!expected.includes(answer.status)) throw refused(server, method, path, answer.status, answer.body);
    return answer.status;
  }

  close(): void {
    this.client.close();
  }
}

function headersOf({ authorization }: EurekaServer): Record<string, string> {
  return { accept: 'application/json', ...(authorization !== undefined && { authorization }) };
}

function decoded(message: IncomingMessage): Readable {
  // What goes wrong shows where the stream is read.
  return message.headers['content-encoding'] === 'gzip' ? pipeline(message, createGunzip(), () => {}) : message;
}

/** Hands the instances on, and returns what the answer says besides them. */
async function split(body: Readable, reading: BodyReading, onInstance: OnInstance, isKnown: IsKnown | undefined): Promise<unknown> {
  let answer: unknown;
  const elements = new JsonElements({
    key: 'instance',
    nameKey: 'name',
    element: onInstance,
    ...(isKnown !== undefined && { isKnown }),
    message: (value) => {
      answer = value;
    },
  });
  let bytes = 0;
  await readBody(body, reading, (chunk) => {
    bytes += chunk.length;
    if (bytes > LONGEST_LIST_BYTES) throw new Error(`it has more than ${LONGEST_LIST_BYTES} bytes`);
    elements.push(chunk);
  });
  elements.end();
  if (answer === undefined) throw new SyntaxError('it is empty');
  return answer;
}

function hashOf(answer: unknown): string | undefined {
  const applications = (answer as { applications?: { apps__hashcode?: unknown } | null } | null)?.applications;
  const hash = applications?.apps__hashcode;
  return typeof hash === 'string' ? hash : undefined;
}

function strange({ url }: EurekaServer, path: string, body: string): RegistryError {
  const what = `answered GET ${path} with something that is not JSON (${excerpt(body)})`;
  return new RegistryError({ source: SOURCE, server: url, what, advice: BASE_PATH, status: 200 });
}

const BASE_PATH = "set eurekaDiscovery's servers to the address with its base path, such as http://host:8761/eureka";

function refused(server: EurekaServer, method: string, path: string, status: number, body: string): RegistryError {
  const what = answered(method, path, { status, headers: {}, body });
  return new RegistryError({ source: SOURCE, server: server.url, what, advice: adviceFor(server, method, status), status });
}

function adviceFor({ authorization }: EurekaServer, method: string, status: number): string | undefined {
  // Behind a login page the answer is a redirect to it.
  if (status === 401 || (status >= 300 && status < 400)) {
    return authorization === undefined
      ? "set eurekaDiscovery's username and password, or put them into the server's URL"
      : "eurekaDiscovery's username and password are not those of the server";
  }
  if (status === 403 && method !== 'GET')
    return 'the user may not write, or the server asks for CSRF tokens: switch that off for /eureka/**';
  if (status === 403) return "give eurekaDiscovery's user the right to read";
  if (status === 404 || status === 405) return BASE_PATH;
  return undefined;
}
