import { ConfigError } from '../core/errors.js';
import { LOAD_PROBE_PATH } from '../core/load-probe.js';
import type { ReportedRequest } from './audience.js';
import type { ReportingServer } from './load-reports.js';
import type { ReportedResponse } from './observed-answer.js';
import { HEADER } from './report-header.js';
import type { ServerLoad } from './server-load.js';

/**
 * Answers to those who ask for nothing but the load: a status without a body, and the report in its header.
 *
 * A probe is not load and is not counted as such. It is answered before the application sees it, so that no log, no
 * limit and no authentication of the application's stands between a balancer and what it wants to know many times a
 * second; and only those get an answer who see the reports in ordinary answers too. To others the path does not exist.
 */

export const PROBE_STATUS = 204;

export class ProbeAnswers {
  /** What stands under /.well-known is nobody else's, whatever base path comes before it. */
  private readonly isAnywhere: boolean;

  constructor(
    private readonly path: string | false,
    private readonly load: ServerLoad,
    readonly isShownTo: (request: ReportedRequest) => boolean,
  ) {
    this.isAnywhere = path !== false && path.startsWith('/.well-known/');
  }

  /** Whether this is a probe. `target` may have a query. */
  isAskedBy(method: string | undefined, target: string | undefined): boolean {
    if (this.path === false || target === undefined || (method !== 'GET' && method !== 'HEAD')) return false;
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    return this.isAnywhere ? path.endsWith(this.path) : path === this.path;
  }

  /** Answers a probe; false for any other request, and for whom it is not meant. */
  answer(request: ReportedRequest, response: ReportedResponse): boolean {
    if (!this.isAskedBy(request.method, request.url) || !this.isShownTo(request)) return false;
    // Node's two kinds of response have the same method, with types of their own.
    const writable = response as { writeHead(status: number, headers: Record<string, string>): { end(): unknown } };
    writable.writeHead(PROBE_STATUS, this.headers()).end();
    return true;
  }

  /** A cache that kept the answer would tell the load of the past. */
  headers(): Record<string, string> {
    return { [HEADER]: this.load.probeReport(), 'cache-control': 'no-store' };
  }
}

/**
 * Answers a server's probes, and hands it all other requests. A listener cannot keep a request from the listeners
 * after it, so this stands where the server tells them. Returns how to stop that.
 */
export function answerBeforeListeners(server: ReportingServer, probes: ProbeAnswers): () => void {
  const emitter = server as unknown as { emit: Emit };
  const before = Object.getOwnPropertyDescriptor(emitter, 'emit');
  const { emit } = emitter;
  let isStopped = false;
  const answering: Emit = function (this: unknown, event, ...given) {
    if (event === 'request' && !isStopped && probes.answer(given[0] as ReportedRequest, given[1] as ReportedResponse)) return true;
    return emit.call(this, event, ...given);
  };
  emitter.emit = answering;
  return () => {
    isStopped = true;
    // Where somebody else has put something around it meanwhile, it stays and hands on.
    if (emitter.emit !== answering) return;
    if (before === undefined) Reflect.deleteProperty(emitter, 'emit');
    else Object.defineProperty(emitter, 'emit', before);
  };
}

type Emit = (this: unknown, event: string | symbol, ...given: unknown[]) => boolean;

/** @throws ConfigError for what is neither a path nor false. */
export function probePathOf(option: string, path: unknown): string | false {
  if (path === undefined) return LOAD_PROBE_PATH;
  if (path === false || (typeof path === 'string' && /^\/[^\s?#]+$/.test(path))) return path;
  throw new ConfigError(option, "a path of more than a slash, such as '/load', or false", path);
}
