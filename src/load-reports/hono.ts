import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReportedRequest } from './audience.js';
import type { ReportedResponse } from './observed-answer.js';
import { PROBE_STATUS, type ProbeAnswers } from './probe-answers.js';
import { HEADER } from './report-header.js';
import type { ServerLoad } from './server-load.js';

/** What is used of Hono's context, told by its shape. */
export interface HonoContext {
  readonly env: unknown;
  readonly req: { readonly method: string; readonly path: string };
  readonly res: { readonly status: number };
  header(name: string, value: string): unknown;
}

/** A middleware as Hono takes it. */
export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>;

/**
 * On Node, Hono's adapter passes Node's own request and response along, and the answer is observed there, to the end
 * of its body. Elsewhere, and in `app.request()`, there is no connection to look at: the request ends with its
 * handler, and since nothing tells who calls, the report is shown to nobody but whom 'everyone' means.
 */
export function honoMiddleware(
  load: ServerLoad,
  observe: (request: ReportedRequest, response: ReportedResponse) => void,
  probes: ProbeAnswers,
  isShownToAll: boolean,
): HonoMiddleware {
  return async (context, next) => {
    const { env, req } = context;
    if (probes.isAskedBy(req.method, req.path) && (isOnNode(env) ? probes.isShownTo(env.incoming) : isShownToAll)) {
      return new Response(null, { status: PROBE_STATUS, headers: probes.headers() });
    }
    if (isOnNode(env)) {
      observe(env.incoming, env.outgoing);
      await next();
      return undefined;
    }
    const begunMs = load.begin();
    try {
      await next();
      if (isShownToAll) context.header(HEADER, load.report());
      load.answered(context.res.status, begunMs);
    } finally {
      load.end();
    }
    return undefined;
  };
}

function isOnNode(env: unknown): env is { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse } {
  return typeof env === 'object' && env !== null && 'incoming' in env && 'outgoing' in env && typeof env.outgoing === 'object';
}
