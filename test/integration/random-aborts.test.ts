import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createMesh, standard, staticDiscovery } from '../../src/index.js';
import { seededRandom } from '../../src/testing/index.js';
import { until } from '../support/replicas.js';
import { httpServer } from '../support/servers.js';

const CALLS = 20_000;
const AT_ONCE = 40;
const CONCURRENCY = 20;
/** More than calls, for the answers that retries have given up and that are being read to their ends. */
const MAX_CONNECTIONS = 2 * CONCURRENCY;
const BIG = Buffer.alloc(256 * 1024, 'x');

/** When a caller gives up. */
const MOMENTS = ['never', 'before', 'at once', 'a little later', 'at the headers', 'in the body', 'after the body'] as const;
const PATHS = ['/small', '/small', '/small', '/late', '/big', '/halves', '/unavailable'] as const;

/** What keeps the process alive and was opened here: not the pipes to the test runner. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP') || kind === 'Timeout' || kind === 'Immediate');
}

function answer(path: string, response: ServerResponse): void {
  switch (path) {
    case '/late':
      setTimeout(() => response.end('late'), 2);
      return;
    case '/big':
      response.end(BIG);
      return;
    case '/halves':
      response.write('one half');
      setImmediate(() => response.end(', the other'));
      return;
    case '/unavailable':
      response.writeHead(503, { 'retry-after': '0' }).end('no');
      return;
    default:
      response.end('{"small":true}');
  }
}

describe('20,000 calls of which most are aborted, at any moment', () => {
  it('leave no socket, no call, no slot, no timer and no listener behind', async () => {
    const server = await httpServer((request, response) => {
      request.resume();
      answer(request.url ?? '', response);
    });
    const random = seededRandom(7);
    const draw = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T;
    const mesh = createMesh({
      discovery: staticDiscovery({ users: [server.origin] }),
      defaults: {
        connections: { max: MAX_CONNECTIONS, idleMs: 60_000 },
        policies: standard({
          bulkhead: { concurrency: CONCURRENCY, queue: AT_ONCE, queueTimeoutMs: 30_000 },
          circuitBreaker: false,
          retry: { budgetRatio: 1 },
        }),
      },
    });
    // Some callers hand over one signal for everything they ever do, as a server does with that for its shutdown.
    const shared = new AbortController();
    const outcomes = { answered: 0, aborted: 0 };
    let mostSockets = 0;

    async function call(): Promise<void> {
      const moment = draw(MOMENTS);
      const own = new AbortController();
      const { signal } = moment === 'never' ? shared : own;
      const reason = new Error(moment);
      const abort = () => own.abort(reason);
      if (moment === 'before') abort();
      const method = random.next() < 0.3 ? 'POST' : 'GET';
      const answered = mesh.fetch(`http://users${draw(PATHS)}`, { method, signal, ...(method === 'POST' ? { body: 'some bytes' } : {}) });
      if (moment === 'at once') abort();
      if (moment === 'a little later') setImmediate(abort);
      try {
        const response = await answered;
        if (moment === 'at the headers') abort();
        if (moment === 'in the body') {
          const reader = (response.body as ReadableStream<Uint8Array>).getReader();
          await reader.read();
          abort();
          while (!(await reader.read()).done) await turn();
        } else {
          await response.arrayBuffer();
        }
        if (moment === 'after the body') abort();
        outcomes.answered++;
      } catch (error) {
        assert.ok(own.signal.aborted, `not aborted: ${String(error)}`);
        assert.equal(error, reason);
        outcomes.aborted++;
      }
      mostSockets = Math.max(mostSockets, server.sockets.size);
    }

    let left = CALLS;
    const worker = async () => {
      while (left-- > 0) await call();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    assert.equal(outcomes.answered + outcomes.aborted, CALLS);
    assert.ok(outcomes.answered > CALLS / 4 && outcomes.aborted > CALLS / 4, JSON.stringify(outcomes));
    // Some that are closing here may still be open there.
    assert.ok(mostSockets <= 2 * MAX_CONNECTIONS, `${mostSockets} sockets at once`);
    await until(() => server.sockets.size <= MAX_CONNECTIONS, 'no connections are left but those of the pool');
    assert.equal(getEventListeners(shared.signal, 'abort').length, 0);

    await until(() => mesh.inspect().services.users?.active === 0, 'no call is active');
    const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
    assert.equal(endpoint?.inFlight, 0);
    assert.equal(endpoint?.state, 'ready');
    // Every slot of the bulkhead is free, and every connection: as many calls as there are slots get one at once.
    const together = await Promise.all(Array.from({ length: CONCURRENCY }, () => mesh.fetch('http://users/small')));
    assert.ok(together.every((response) => response.ok));

    await mesh.close();
    await until(() => server.sockets.size === 0, 'the server has no socket left');
    await server.close();
    await until(() => resources().length === 0, 'nothing keeps the process alive');
  });
});
