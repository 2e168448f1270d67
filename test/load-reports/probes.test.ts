import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import { type LoadReports, type LoadReportsOptions, loadReports } from '../../src/load-reports/load-reports.js';
import { HEADER } from '../balancing/load-reports/reports.js';
import { Held } from '../support/held.js';
import { honoParts } from '../support/hono-parts.js';
import { asked, eventually, listening, reportIn } from './served.js';

const PATH = '/.well-known/fetchmesh/load';

/** A server of each kind; `seen` gets each path that reaches the application. */
const KINDS: Record<string, (reports: LoadReports, held: Held, seen: string[]) => Promise<Server>> = {
  async 'node:http'(reports, held, seen) {
    const server = createServer((incoming, response) => {
      seen.push(incoming.url ?? '');
      if (incoming.url === '/slow') void held.wait().then(() => response.end('slow'));
      else response.writeHead(incoming.url === '/' ? 200 : 404).end();
    });
    reports.attach(server);
    return server;
  },
  async Express(reports, held, seen) {
    const app = express();
    app.use(reports.express());
    app.use((incoming, _response, next) => {
      seen.push(incoming.url);
      next();
    });
    app.get('/slow', async (_request, response) => {
      await held.wait();
      response.send('slow');
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  },
  async Fastify(reports, held, seen) {
    const app = fastify();
    app.register(reports.fastify);
    app.addHook('preHandler', async (incoming) => void seen.push(incoming.url));
    app.get('/slow', async () => {
      await held.wait();
      return 'slow';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  async Hono(reports, held, seen) {
    const { Hono, serve } = await honoParts();
    const app = new Hono();
    app.use(reports.hono());
    app.use(async (context: { req: { path: string } }, next: () => Promise<void>) => {
      seen.push(context.req.path);
      await next();
    });
    app.get('/slow', async (context) => {
      await held.wait();
      return context.text('slow');
    });
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    if (!server.listening) await once(server, 'listening');
    return server;
  },
};

for (const [kind, start] of Object.entries(KINDS)) {
  describe(`load probes of ${kind}`, () => {
    test('are answered with the load and nothing else, count as no request and never reach the application', async (t) => {
      const held = new Held();
      const seen: string[] = [];
      const port = await listening(t, await start(loadReports(), held, seen));
      const slow = asked(port, '/slow');
      await held.begun;
      for (const path of [PATH, `${PATH}?a=1`, `/base/path${PATH}`]) {
        const { answer, body } = await asked(port, path);
        assert.equal(answer.statusCode, 204, path);
        assert.equal(body, '');
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.deepEqual(reportIn(answer), { requestsInFlight: 1 });
      }
      held.letGo();
      await slow;
      assert.deepEqual(seen, ['/slow']);
      await eventually(async () => reportIn((await asked(port, PATH)).answer)?.requestsInFlight === 0, 'the slow request is over');
      assert.ok((reportIn((await asked(port, PATH)).answer)?.serviceMs ?? -1) >= 0);
    });

    test('reach the application of callers to whom the load is not shown', async (t) => {
      const seen: string[] = [];
      const port = await listening(t, await start(loadReports(), new Held(), seen));
      const { answer } = await asked(port, PATH, { via: '1.1 proxy' });
      assert.equal(answer.statusCode, 404);
      assert.equal(answer.headers[HEADER], undefined);
    });
  });
}

function reporting(options: LoadReportsOptions, listener: RequestListener = (_request, response) => response.writeHead(404).end()): Server {
  const server = createServer(listener);
  loadReports(options).attach(server);
  return server;
}

describe('load probes', () => {
  test('have another path where one is given, exactly that one', async (t) => {
    const port = await listening(t, reporting({ probePath: '/load' }));
    assert.equal((await asked(port, '/load')).answer.statusCode, 204);
    for (const path of [PATH, '/trucks/load', '/load/']) assert.equal((await asked(port, path)).answer.statusCode, 404, path);
  });

  test('have none where there is to be none; an ordinary answer still reports', async (t) => {
    const port = await listening(t, reporting({ probePath: false }));
    const { answer } = await asked(port, PATH);
    assert.equal(answer.statusCode, 404);
    assert.deepEqual(reportIn(answer)?.requestsInFlight, 0);
  });

  test('are asked with GET or HEAD: what is sent with another method is the application’s', async (t) => {
    const port = await listening(t, reporting({}));
    for (const [method, status] of [
      ['HEAD', 204],
      ['POST', 404],
      ['DELETE', 404],
    ] as const) {
      const sent = request({ port, host: '127.0.0.1', path: PATH, method, agent: false }).end();
      const [answer] = await once(sent, 'response');
      answer.resume();
      assert.equal(answer.statusCode, status, method);
    }
  });

  test('are not answered any more once the server is let go, which leaves nothing on it', async (t) => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    const { emit } = server;
    const stop = loadReports().attach(server);
    const port = await listening(t, server);
    assert.equal((await asked(port, PATH)).answer.statusCode, 204);
    stop();
    assert.equal((await asked(port, PATH)).answer.statusCode, 404);
    assert.equal(server.emit, emit);
    assert.equal(Object.hasOwn(server, 'emit'), false);
  });

  test('leave what others put around the server as it is', async (t) => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    const stop = loadReports().attach(server);
    const events: unknown[] = [];
    const { emit } = server;
    const watching = (event: string | symbol, ...given: unknown[]): boolean => {
      events.push(event);
      return Reflect.apply(emit, server, [event, ...given]);
    };
    Object.assign(server, { emit: watching });
    stop();
    assert.equal(server.emit, watching);
    const port = await listening(t, server);
    assert.equal((await asked(port, PATH)).answer.statusCode, 404);
    assert.ok(events.includes('request'));
  });

  test('are answered over HTTP/2 as well', async (t) => {
    const server = createHttp2Server((_request, response) => response.writeHead(404).end());
    loadReports().attach(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      session.destroy();
      server.close();
    });
    const stream = session.request({ ':path': PATH });
    const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(10_000) });
    assert.equal(headers[':status'], 204);
    assert.match(String(headers[HEADER]), /^TEXT named_metrics\.rif=0/);
  });

  test('refuse a path that is none', () => {
    for (const probePath of ['load', '/', '/a b', '/a?b', '/a#b', 7]) {
      assert.throws(() => loadReports({ probePath } as LoadReportsOptions), /loadReports\.probePath must be a path/);
    }
  });

  test('of Hono without a server are answered to everyone if everyone is meant, and else to nobody', async () => {
    const { Hono } = await honoParts();
    for (const showTo of ['everyone', 'private'] as const) {
      const app = new Hono();
      app.use(loadReports({ showTo }).hono());
      const answer = await app.request(PATH);
      assert.equal(answer.status, showTo === 'everyone' ? 204 : 404);
      assert.equal(answer.headers.has(HEADER), showTo === 'everyone');
    }
  });
});
