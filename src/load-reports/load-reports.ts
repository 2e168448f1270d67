import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { Server as SocketServer } from 'node:net';
import { systemClock } from '../core/clock.js';
import { ConfigError } from '../core/errors.js';
import { knownKeys, numberIn } from '../core/options-check.js';
import { audienceOf, type LoadReportAudience, type ReportedRequest } from './audience.js';
import { type HonoMiddleware, honoMiddleware } from './hono.js';
import { observeAnswer, type ReportedResponse } from './observed-answer.js';
import { answerBeforeListeners, ProbeAnswers, probePathOf } from './probe-answers.js';
import { processUsage } from './process-usage.js';
import { ServerLoad } from './server-load.js';

/** Options of `loadReports`. */
export interface LoadReportsOptions {
  /**
   * Who sees the reports: callers on a 'private' address for whom no proxy speaks, 'everyone', or those for whom the
   * function says true. What it throws is reported, and means no. Requests count whoever sees them. Default 'private'.
   */
  readonly showTo?: LoadReportAudience | undefined;
  /** Over how long rates, utilization and service time are averaged, in milliseconds. From 100 to 600,000. Default 5,000. */
  readonly averageMs?: number | undefined;
  /**
   * The path of load probes, which are answered with the report and an empty 204 and never reach the application. From
   * those to whom reports are not shown they do. Begins with a slash; false for no such path. One under /.well-known/ also
   * counts behind any base path. Default '/.well-known/fetchmesh/load'.
   */
  readonly probePath?: string | false | undefined;
}

/** A server of Node's own, or what a framework makes of it. */
export type ReportingServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

/** Reports of one process's load, in the answers of its servers. */
export interface LoadReports {
  /**
   * Reports in all answers of a server, whatever framework it runs. Returns how to stop that.
   * @throws ConfigError for anything but a Node server, and for an http2 server that answers by 'stream' alone.
   */
  attach(server: ReportingServer): () => void;
  /** A middleware for Express, and for whatever else takes `(request, response, next)`: `app.use(reports.express())`, before the others. */
  express(): (request: ReportedRequest, response: ReportedResponse, next: () => void) => void;
  /** A plugin for Fastify: `app.register(reports.fastify)`. */
  readonly fastify: FastifyPlugin;
  /** A middleware for Hono: `app.use(reports.hono())`, before the others. Elsewhere than on Node it counts no body. */
  hono(): HonoMiddleware;
}

/** A plugin as Fastify takes it, told by its shape. */
export type FastifyPlugin = (
  instance: {
    addHook(
      name: 'onRequest',
      hook: (request: { readonly raw: ReportedRequest }, reply: { readonly raw: ReportedResponse }, done: () => void) => void,
    ): unknown;
  },
  options: unknown,
  done: () => void,
) => void;

/**
 * The server's half of balancing by load: each answer says how busy this process is, in the header
 * `endpoint-load-metrics` of ORCA, which `weightedRoundRobin` and `prequal` read, and Envoy and others do too:
 *
 *     endpoint-load-metrics: TEXT named_metrics.rif=3,named_metrics.svc=12.5,cpu_utilization=0.21,
 *         application_utilization=0.64,rps_fractional=210.4,eps=0.2
 *
 * It counts requests from their begin to the end of the answer, whatever way it is attached; one that passes two of
 * the ways counts once. An answer is an error from status 500 on. Requests on paths of no interest count as well,
 * since they are load. Load probes (`prequal`) are answered at once and are no requests.
 *
 * One for the process is right, also for several servers: the load is the process's.
 *
 * @throws ConfigError when an option is unknown or out of its range.
 * @example
 * const reports = loadReports();
 * reports.attach(createServer(listener).listen(8080)); // or app.use(reports.express()), app.register(reports.fastify), app.use(reports.hono())
 */
export function loadReports(options: LoadReportsOptions = {}): LoadReports {
  knownKeys('loadReports', options, ['showTo', 'averageMs', 'probePath']);
  const isShownTo = audienceOf('loadReports.showTo', options.showTo ?? 'private');
  const averageMs = numberIn('loadReports.averageMs', options.averageMs ?? 5_000, 100, 600_000, 'milliseconds');
  const load = new ServerLoad(averageMs, systemClock, processUsage);
  const probes = new ProbeAnswers(probePathOf('loadReports.probePath', options.probePath), load, isShownTo);
  const observed = new WeakSet<object>();

  function observe(request: ReportedRequest, response: ReportedResponse): void {
    if (observed.has(response)) return;
    observed.add(response);
    observeAnswer(response, load, isShownTo(request));
  }

  return {
    attach(server) {
      checkServer(server);
      // First in line, since the user's listener may answer at once.
      server.prependListener('request', observe);
      const stopAnswering = answerBeforeListeners(server, probes);
      return () => {
        server.off('request', observe);
        stopAnswering();
      };
    },
    express: () => (request, response, next) => {
      if (probes.answer(request, response)) return;
      observe(request, response);
      next();
    },
    fastify: withoutScope((instance, _options, done) => {
      instance.addHook('onRequest', ({ raw }, reply, next) => {
        if (probes.answer(raw, reply.raw)) return;
        observe(raw, reply.raw);
        next();
      });
      done();
    }),
    hono: () => honoMiddleware(load, observe, probes, options.showTo === 'everyone'),
  };
}

function checkServer(server: unknown): void {
  if (!(server instanceof SocketServer)) throw new ConfigError('loadReports.attach', 'a Node http, https or http2 server', server);
  // There, a listener for 'request' would make a second answer to each stream.
  if (server.listenerCount('stream') > 0 && server.listenerCount('request') === 0) {
    throw new ConfigError('loadReports.attach', "a server that answers by its event 'request', not by 'stream' alone", server);
  }
}

/** Fastify keeps what a plugin does to the plugin itself, unless the plugin says that it is meant for all. */
function withoutScope(plugin: FastifyPlugin): FastifyPlugin {
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'loadReports' });
}
