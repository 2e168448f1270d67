import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { describe, test } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import { type LoadReports, loadReports } from '../../src/load-reports/load-reports.js';
import { HEADER } from '../balancing/load-reports/reports.js';
import { Held } from '../support/held.js';
import { honoParts } from '../support/hono-parts.js';
import { asked, listening, reportIn } from './served.js';

/** A server of each framework, with the same three routes, set up as its documentation says. */
const FRAMEWORKS: Record<string, (reports: LoadReports, held: Held) => Promise<Server>> = {
  async Express(reports, held) {
    const app = express();
    app.use(reports.express());
    app.get('/quick', (_request, response) => void response.json({ quick: true }));
    app.get('/slow', async (_request, response) => {
      await held.wait();
      response.send('slow');
    });
    app.get('/broken', () => {
      throw new Error('broken');
    });
    app.use((_error: unknown, _request: unknown, response: express.Response, _next: unknown) => void response.status(500).send('broken'));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  },
  async Fastify(reports, held) {
    const app = fastify();
    app.register(reports.fastify);
    app.get('/quick', async () => ({ quick: true }));
    app.register(async (inner) => {
      inner.get('/slow', async () => {
        await held.wait();
        return 'slow';
      });
    });
    app.get('/broken', async () => {
      throw new Error('broken');
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  async Hono(reports, held) {
    const { Hono, serve } = await honoParts();
    const app = new Hono();
    app.use(reports.hono());
    app.get('/quick', (context) => context.text('quick'));
    app.get('/slow', async (context) => {
      await held.wait();
      return context.text('slow');
    });
    app.get('/broken', (context) => context.text('broken', 500));
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    if (!server.listening) await once(server, 'listening');
    return server;
  },
};

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  describe(`load reports of ${name}`, () => {
    test('stand in answers of every kind, and say how many requests are in flight', async (t) => {
      const held = new Held();
      const port = await listening(t, await start(loadReports(), held));
      const slow = asked(port, '/slow');
      await held.begun;
      for (const [path, status] of [
        ['/quick', 200],
        ['/broken', 500],
        ['/missing', 404],
        ['/quick', 200],
      ] as const) {
        const { answer } = await asked(port, path);
        assert.equal(answer.statusCode, status, path);
        assert.equal(reportIn(answer)?.requestsInFlight, 1, path);
      }
      held.letGo();
      const { answer, body } = await slow;
      assert.equal(body, 'slow');
      assert.equal(reportIn(answer)?.requestsInFlight, 0);
      assert.ok((reportIn(answer)?.serviceMs ?? -1) >= 0);
    });

    test('are kept from callers for whom a proxy speaks', async (t) => {
      const port = await listening(t, await start(loadReports(), new Held()));
      assert.equal((await asked(port, '/quick', { via: '1.1 proxy' })).answer.headers[HEADER], undefined);
      assert.ok(reportIn((await asked(port, '/quick')).answer));
    });
  });
}

test('Fastify without a server counts requests out again, too', async () => {
  const app = fastify();
  app.register(loadReports({ showTo: 'everyone' }).fastify);
  app.get('/', async () => 'ok');
  for (let i = 0; i < 3; i++) {
    const { headers, body } = await app.inject('/');
    assert.equal(body, 'ok');
    assert.match(String(headers[HEADER]), /^TEXT named_metrics\.rif=0/);
  }
  await app.close();
});

test('Hono without a server reports to everyone if everyone is meant, and else to nobody, since nothing tells who asks', async () => {
  const { Hono } = await honoParts();
  for (const showTo of ['everyone', 'private'] as const) {
    const reports = loadReports({ showTo });
    const app = new Hono();
    app.use(reports.hono());
    app.get('/', (context) => context.text('ok'));
    for (let i = 0; i < 2; i++) {
      const answer = await app.request('/');
      assert.equal(await answer.text(), 'ok');
      if (showTo === 'everyone') assert.match(answer.headers.get(HEADER) ?? '', /^TEXT named_metrics\.rif=0/);
      else assert.equal(answer.headers.get(HEADER), null);
    }
  }
});
