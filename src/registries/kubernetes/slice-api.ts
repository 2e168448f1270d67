import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { MeshError } from '../../core/errors.js';
import { fieldsOf } from '../fields.js';
import { answered } from '../http-client.js';
import { JsonElements } from '../json-elements.js';
import { readBeginning, readBody } from '../read-body.js';
import { RegistryError } from '../registry-error.js';
import { type ClusterAccess, type Connection, SOURCE } from './access.js';

/** One service of one namespace. */
export interface Target {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** What a page of a list says of the list. */
export interface PageInfo {
  readonly resourceVersion: string;
  /** The token of the next page, if there is one. */
  readonly next: string | undefined;
}

export interface PageRequest {
  readonly limit: number;
  readonly next: string | undefined;
  readonly signal: AbortSignal;
}

/** An answer that the API server keeps open. */
export interface OpenWatch {
  readonly server: string;
  readonly body: IncomingMessage;
}

/** What the watcher's own place in history is too old for. */
export class GoneError extends Error {}

const GONE = 410;
/** The answer to a version from the future: of a server that was reset, or lags behind another. */
const TIMEOUT = 504;
/** A refusal is a few hundred bytes. */
const LONGEST_REFUSAL_BYTES = 65_536;
const CERTIFICATE_ERRORS = /CERT|SIGNATURE|ERR_TLS/;

/** The three requests that are ever made: list and watch the EndpointSlices of a service, and ask for a sign of life. */
export class SliceApi {
  constructor(
    private readonly access: ClusterAccess,
    private readonly clock: Clock,
    private readonly requestTimeoutMs: number,
  ) {}

  /** Reads one page; `onSlice` gets each slice's JSON as it comes. @throws GoneError when the list has to begin anew. */
  async list(target: Target, { limit, next, signal }: PageRequest, onSlice: (json: string) => void): Promise<PageInfo> {
    const query = { limit: `${limit}`, ...(next !== undefined && { continue: next }) };
    const { server, body } = await this.open('list', target, query, signal);
    let list: unknown;
    const elements = new JsonElements({
      key: 'items',
      element: onSlice,
      message: (value) => {
        list = value;
      },
    });
    try {
      await readBody(body, this.reading, (chunk) => elements.push(chunk));
      elements.end();
      const { resourceVersion, continue: more } = fieldsOf(fieldsOf(list).metadata);
      if (typeof resourceVersion !== 'string') throw new Error('a list without a resourceVersion');
      return { resourceVersion, next: typeof more === 'string' && more !== '' ? more : undefined };
    } catch (cause) {
      signal.throwIfAborted();
      throw brokenOff(server, 'list', cause);
    }
  }

  /** Begins a watch; resolves once the server has accepted it. @throws GoneError when the version is too old, or unknown. */
  watch(target: Target, resourceVersion: string, timeoutSeconds: number, signal: AbortSignal): Promise<OpenWatch> {
    const query = { watch: '1', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: `${timeoutSeconds}` };
    return this.open('watch', target, query, signal);
  }

  /** Rejects if the server does not answer, be it to refuse. */
  async probe(signal: AbortSignal): Promise<void> {
    // Credentials that cannot be read just now say nothing about the server.
    const connection = await this.access.connect(this.clock).catch(() => undefined);
    if (connection === undefined) return;
    const { server, client, headers } = connection;
    await client.request({ server, path: '/version', headers, timeoutMs: this.requestTimeoutMs, signal });
  }

  private get reading() {
    return { clock: this.clock, idleMs: this.requestTimeoutMs };
  }

  private async open(verb: string, target: Target, query: Record<string, string>, signal: AbortSignal): Promise<OpenWatch> {
    let connection = await this.access.connect(this.clock);
    let answer = await this.send(connection, target, query, signal);
    if (answer.statusCode === 401) {
      // The token may have been replaced since it was read, or the server may know better than its date.
      this.access.refused();
      const again = await this.access.connect(this.clock);
      if (again.headers.authorization !== connection.headers.authorization) {
        answer.destroy();
        connection = again;
        answer = await this.send(connection, target, query, signal);
      }
    }
    if (answer.statusCode === 200) return { server: connection.server, body: answer };
    throw await this.refusal(verb, connection, target, answer);
  }

  private async send(connection: Connection, target: Target, query: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const { server, client, headers } = connection;
    const search = new URLSearchParams({ labelSelector: `kubernetes.io/service-name=${target.name}`, ...query });
    try {
      return await client.stream({
        server,
        path: `${pathOf(connection, target)}?${search}`,
        headers: { accept: 'application/json', ...headers },
        timeoutMs: this.requestTimeoutMs,
        signal,
      });
    } catch (error) {
      const { code, message } = fieldsOf(error instanceof MeshError ? error.cause : undefined);
      if (typeof code !== 'string' || !CERTIFICATE_ERRORS.test(code)) throw error;
      const what = `could not be asked (${String(message)})`;
      throw new RegistryError({
        source: SOURCE,
        server,
        what,
        advice: "set caFile or ca to the cluster's certificate authority",
        cause: error,
      });
    }
  }

  private async refusal(verb: string, connection: Connection, target: Target, answer: IncomingMessage): Promise<Error> {
    const status = answer.statusCode ?? 0;
    const message = statusMessage(await readBeginning(answer, this.reading, LONGEST_REFUSAL_BYTES));
    if (status === GONE || (status === TIMEOUT && /resource version/i.test(message))) return new GoneError(message);
    const namespace = target.namespace ?? connection.namespace;
    const path = pathOf(connection, target);
    const what = answered('GET', path, { status, headers: {}, body: message });
    return new RegistryError({ source: SOURCE, server: connection.server, what, advice: this.adviceFor(status, verb, namespace), status });
  }

  private adviceFor(status: number, verb: string, namespace: string): string | undefined {
    if (status === 401) return this.access.advice;
    if (status === 403)
      return `allow it to ${verb} endpointslices (discovery.k8s.io) in the namespace ${namespace} by a Role with get, list and watch`;
    if (status === 404) return 'set server to a Kubernetes API server of 1.21 or later';
    return undefined;
  }
}

/** What becomes of an answer that broke off, or was not what it should be. */
export function brokenOff(server: string, verb: 'list' | 'watch', cause: unknown): unknown {
  if (cause instanceof MeshError || cause instanceof GoneError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RegistryError({ source: SOURCE, server, what: `broke off a ${verb} (${reason})`, cause });
}

function pathOf({ namespace }: Connection, target: Target): string {
  return `/apis/discovery.k8s.io/v1/namespaces/${target.namespace ?? namespace}/endpointslices`;
}

/** Refusals are objects of the kind Status; what stands before the API server answers in its own way. */
function statusMessage(text: string): string {
  try {
    const { message } = fieldsOf(JSON.parse(text));
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
