import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { type LoadReportsOptions, loadReports } from '../../src/load-reports/load-reports.js';
import { HEADER } from '../balancing/load-reports/reports.js';
import { Held } from '../support/held.js';
import { ask, asked, eventually, listening, reportIn } from './served.js';

function reporting(listener: RequestListener, options?: LoadReportsOptions): Server {
  const server = createServer(listener);
  loadReports(options).attach(server);
  return server;
}

/** The requests in flight that a server reports, the one that asks left out. */
async function inFlightAt(port: number, path = '/'): Promise<number | undefined> {
  const { answer } = await asked(port, path);
  return reportIn(answer)?.requestsInFlight;
}

describe('load reports of a node:http server', () => {
  test('stand in every answer, however its headers are written', async (t) => {
    const ways: Record<string, RequestListener> = {
      '/end': (_request, response) => response.end('ok'),
      '/nothing': (_request, response) => void response.writeHead(204).end(),
      '/set': (_request, response) => response.setHeader('x-own', '1').end('ok'),
      '/write': (_request, response) => {
        response.setHeader('x-own', '1');
        response.write('o');
        response.end('k');
      },
      '/object': (_request, response) => response.writeHead(200, { 'x-own': '1' }).end('ok'),
      '/words': (_request, response) => response.writeHead(200, 'Fine', { 'x-own': '1' }).end('ok'),
      '/words-alone': (_request, response) => response.writeHead(200, 'Fine').end('ok'),
      '/list': (_request, response) => response.writeHead(200, ['x-own', '1']).end('ok'),
      '/both': (_request, response) => response.setHeader('x-set', '1').writeHead(200, { 'x-own': '1' }).end('ok'),
      '/flush': (_request, response) => {
        response.flushHeaders();
        response.end('ok');
      },
    };
    const port = await listening(
      t,
      reporting((request, response) => ways[request.url ?? '']?.(request, response)),
    );
    for (const path of Object.keys(ways)) {
      const { answer, body } = await asked(port, path);
      assert.equal(reportIn(answer)?.requestsInFlight, 0, path);
      assert.equal(body, path === '/nothing' ? '' : 'ok', path);
      if (['/set', '/write', '/object', '/words', '/list', '/both'].includes(path)) assert.equal(answer.headers['x-own'], '1', path);
      if (path === '/both') assert.equal(answer.headers['x-set'], '1');
      if (path.startsWith('/words')) assert.equal(answer.statusMessage, 'Fine');
    }
  });

  test('leave headers that are sent twice as they are', async (t) => {
    const port = await listening(
      t,
      reporting((_request, response) => response.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2']).end()),
    );
    const { answer } = await asked(port);
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.ok(reportIn(answer));
  });

  test('take the place of a report that is handed on from another server', async (t) => {
    const port = await listening(
      t,
      reporting((request, response) => {
        if (request.url === '/set') response.setHeader(HEADER, 'TEXT eps=77').end();
        else response.writeHead(200, { 'Endpoint-Load-Metrics': 'TEXT eps=77' }).end();
      }),
    );
    for (const path of ['/set', '/written']) {
      const { answer } = await asked(port, path);
      assert.equal(answer.rawHeaders.filter((name) => name.toLowerCase() === HEADER).length, 1);
      assert.notEqual(reportIn(answer)?.errorsPerSecond, 77);
    }
  });

  test('say how many other requests are in flight, bodies included, as the headers are written', async (t) => {
    const heads = new Held();
    const bodies = new Held();
    const server = reporting((request, response) => {
      if (request.url === '/head') void heads.wait().then(() => response.end());
      else if (request.url === '/body') {
        response.write('x');
        void bodies.wait().then(() => response.end());
      } else response.end();
    });
    const port = await listening(t, server);
    const withHead = asked(port, '/head');
    await heads.begun;
    assert.equal(await inFlightAt(port), 1);
    const withBody = await ask(port, '/body');
    assert.equal(reportIn(withBody)?.requestsInFlight, 1);
    assert.equal(await inFlightAt(port), 2);
    heads.letGo();
    assert.equal(reportIn((await withHead).answer)?.requestsInFlight, 1);
    assert.equal(await inFlightAt(port), 1);
    bodies.letGo();
    withBody.resume();
    await once(withBody, 'end');
    assert.equal(await inFlightAt(port), 0);
  });

  test('forget a request whose caller went away, with or without an answer begun', async (t) => {
    const begun = new Held();
    const never = new Held();
    const server = reporting((request, response) => {
      if (request.url === '/begun') response.write('x');
      if (request.url === '/') response.end();
      if (request.url === '/begun') void begun.wait();
      if (request.url === '/never') void never.wait();
    });
    const port = await listening(t, server);
    const answer = await ask(port, '/begun');
    const silent = request({ port, host: '127.0.0.1', path: '/never', agent: false });
    silent.on('error', () => {});
    silent.end();
    await Promise.all([begun.begun, never.begun]);
    assert.equal(await inFlightAt(port), 2);
    answer.destroy();
    await eventually(async () => (await inFlightAt(port)) === 1, 'an answer broken off is over');
    silent.destroy();
    await eventually(async () => (await inFlightAt(port)) === 0, 'a request given up is over');
  });

  test('say how long requests take to their headers, and after a second rate, errors and utilization', async (t) => {
    const port = await listening(
      t,
      reporting((request, response) => {
        response.statusCode = request.url === '/fail' ? 500 : 200;
        response.end();
      }),
    );
    for (let i = 0; i < 20; i++) await asked(port, i % 2 === 0 ? '/fail' : '/');
    let report: ReturnType<typeof reportIn>;
    await eventually(async () => {
      report = reportIn((await asked(port)).answer);
      return report?.requestsPerSecond !== undefined;
    }, 'a report with a rate');
    assert.ok(report);
    const { requestsPerSecond = 0, errorsPerSecond = 0, serviceMs = -1, applicationUtilization = 0, cpuUtilization = -1 } = report;
    assert.ok(requestsPerSecond > errorsPerSecond && errorsPerSecond > 0, JSON.stringify(report));
    assert.ok(serviceMs >= 0 && serviceMs < 1_000, JSON.stringify(report));
    assert.ok(cpuUtilization > 0 && applicationUtilization >= cpuUtilization && applicationUtilization <= 1.1, JSON.stringify(report));
  });

  test('count headers that could not be written once they are, with the status that was sent', async (t) => {
    const port = await listening(
      t,
      reporting((_request, response) => {
        try {
          response.writeHead(200, { 'x-bad': 'a\nb' });
        } catch {
          response.writeHead(500).end('failed');
        }
      }),
    );
    const { answer, body } = await asked(port);
    assert.equal(answer.statusCode, 500);
    assert.equal(body, 'failed');
    assert.equal(answer.headers['x-bad'], undefined);
    assert.equal(answer.rawHeaders.filter((name) => name === HEADER).length, 1);
  });

  test('are shown to nobody for whom a proxy speaks, unless everyone is meant; they count all the same', async (t) => {
    const port = await listening(
      t,
      reporting((_request, response) => response.end()),
    );
    const { answer } = await asked(port, '/', { 'X-Forwarded-For': '8.8.8.8' });
    assert.equal(answer.headers[HEADER], undefined);
    assert.ok((reportIn((await asked(port)).answer)?.serviceMs ?? -1) >= 0);
    const open = await listening(
      t,
      reporting((_request, response) => response.end(), { showTo: 'everyone' }),
    );
    assert.ok(reportIn((await asked(open, '/', { 'X-Forwarded-For': '8.8.8.8' })).answer));
  });

  test('count a request once that two ways lead to', async (t) => {
    const reports = loadReports();
    const middleware = reports.express();
    const held = new Held();
    const server = createServer((request, response) => {
      middleware(request, response, () => {
        if (request.url === '/held') void held.wait().then(() => response.end());
        else response.end();
      });
    });
    reports.attach(server);
    const port = await listening(t, server);
    const slow = asked(port, '/held');
    await held.begun;
    assert.equal(await inFlightAt(port), 1);
    held.letGo();
    await slow;
  });

  test('end where they are taken off the server, which is then as it was', async (t) => {
    const server = createServer((_request, response) => response.end());
    const detach = loadReports().attach(server);
    const port = await listening(t, server);
    assert.ok(reportIn((await asked(port)).answer));
    detach();
    assert.equal(server.listenerCount('request'), 1);
    assert.equal((await asked(port)).answer.headers[HEADER], undefined);
  });

  test('stand in the answers of an http2 server, with and without a body', async (t) => {
    const server = createHttp2Server((request, response) => {
      if (request.url === '/body') response.end('ok');
      else if (request.url === '/head') response.writeHead(204, { 'x-own': '1' }).end();
      else response.end();
    });
    loadReports().attach(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      session.destroy();
      server.close();
    });
    for (const path of ['/body', '/head', '/nothing', '/body']) {
      const stream = session.request({ ':path': path });
      const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(10_000) });
      assert.match(String(headers[HEADER]), /^TEXT named_metrics\.rif=0/, path);
      stream.resume();
      await once(stream, 'close');
    }
  });

  test('are refused by what is no server, and by an http2 server that knows streams alone', () => {
    const nothing: never = {} as never;
    assert.throws(() => loadReports().attach(nothing), /loadReports\.attach must be a Node http, https or http2 server, got an object/);
    const streams = createHttp2Server();
    streams.on('stream', () => {});
    assert.throws(() => loadReports().attach(streams), /not by 'stream' alone/);
  });

  test('refuse bad options by name', () => {
    assert.throws(
      () => loadReports({ averageMs: 99 }),
      /loadReports\.averageMs must be a number of milliseconds from 100 to 600000, got 99/,
    );
    const misspelt: object = { show: 'everyone' };
    assert.throws(() => loadReports(misspelt), /unknown option 'show'/);
  });
});
