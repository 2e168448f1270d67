import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import { until } from '../discovery/recording-sink.js';
import { Held } from '../support/held.js';
import { honoParts } from '../support/hono-parts.js';
import { ask, meshOfTest, portOf } from './served.js';

/** A server of each framework, with one slow route, that begins to listen: the way in which its documentation starts it. */
const FRAMEWORKS: Record<string, (held: Held) => Server | Promise<Server>> = {
  Express: (held) => {
    const app = express();
    app.get('/slow', async (_request, response) => {
      await held.wait();
      response.send('done');
    });
    return app.listen(0, '127.0.0.1');
  },
  Fastify: async (held) => {
    const app = fastify();
    app.get('/slow', async () => {
      await held.wait();
      return 'done';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  Hono: async (held) => {
    const { Hono, serve } = await honoParts();
    const app = new Hono();
    app.get('/slow', async (context) => {
      await held.wait();
      return context.text('done');
    });
    return serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  },
};

function endAfter(test: TestContext, server: Server): void {
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
}

describe('a server of', () => {
  for (const [name, start] of Object.entries(FRAMEWORKS)) {
    it(`${name} is announced once it listens, called by name, counted, and drained without losing a request`, async (test) => {
      const { mesh, folder } = meshOfTest(test);
      const held = new Held();
      const server = await start(held);
      endAfter(test, server);
      const announced = mesh.announceServer(server, { service: 'users' });
      await announced.ready;
      const port = portOf(server);
      const slow = mesh.fetch('http://users/slow');
      await held.begun;
      assert.equal(announced.inFlight, 1);
      const draining = announced.drain({ propagationMs: 0, timeoutMs: 20_000 });
      await until(() => readdirSync(folder).length === 0 && !server.listening, 'the end of entry and listening');
      await assert.rejects(ask(port), /ECONNREFUSED/);
      held.letGo();
      assert.equal(await (await slow).text(), 'done');
      assert.deepEqual(await draining, { finished: 1, cut: 0, removed: true });
    });
  }
});
