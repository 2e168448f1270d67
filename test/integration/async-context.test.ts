import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, it } from 'node:test';
import * as undici from 'undici';
import {
  type Call,
  type Clock,
  createMesh,
  definePolicy,
  gatePolicy,
  type Mesh,
  type MeshOptions,
  type Policy,
  retry,
  standard,
  staticDiscovery,
  timeout,
} from '../../src/index.js';
import { collectGarbage } from '../facade/support/garbage.js';
import { httpServer, json, type TestServer } from '../support/servers.js';
import { quiet, until } from './support/waiting.js';

/**
 * Whatever runs for a call runs in the async context of that call, although the connections are shared, and
 * whatever belongs to the mesh runs in the context that it was made in. With keep-alive a socket's callbacks run
 * in the context of whoever opened it, so a mesh that does not take care shows one tenant another's store.
 */

interface Store {
  readonly tenant: string;
}

const storage = new AsyncLocalStorage<Store>();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(server: Promise<TestServer>): Promise<TestServer> {
  const started = await server;
  open.push(started);
  return started;
}

function keep(mesh: Mesh): Mesh {
  open.push({ close: () => mesh.close({ graceMs: 0 }) });
  return mesh;
}

/** Notes in whose context each piece of code ran, beside the tenant that it ran for. */
class Notes {
  readonly seen = new Map<string, Set<string>>();
  readonly wrong: string[] = [];

  note(where: string, tenant: string | undefined): void {
    const context = storage.getStore()?.tenant ?? 'none';
    const tenants = this.seen.get(where) ?? new Set();
    this.seen.set(where, tenants.add(context));
    if (tenant !== undefined && tenant !== context) this.wrong.push(`${where} for ${tenant} ran in the context of ${context}`);
  }

  for(where: string, call: Call): void {
    this.note(where, call.header('x-tenant'));
  }
}

/** A policy that notes the context on the way down, on the way up, and when its promise fails. */
function noting(notes: Notes, where: string): Policy {
  return definePolicy({
    name: `noting ${where}`,
    build: (next) => (call) => {
      notes.for(`${where}, down`, call);
      return next(call).then(
        (reply) => {
          notes.for(`${where}, up`, call);
          return reply;
        },
        (error) => {
          notes.for(`${where}, failed`, call);
          throw error;
        },
      );
    },
  });
}

describe('two tenants over one connection', { timeout: 60_000 }, () => {
  it('never see the store of the other, in policies, gates, classifiers, callbacks, events, bodies and answers', async () => {
    let requests = 0;
    const server = await serve(
      httpServer((request, response) => {
        requests++;
        request.resume();
        if (requests % 7 === 0) request.socket.destroy();
        else if (requests % 3 === 0) response.writeHead(503).end('busy');
        else json(response, { tenant: request.headers['x-tenant'] });
      }),
    );
    const notes = new Notes();
    const gate = gatePolicy('noting gate', () => ({
      begin: (call) => notes.for('gate begins', call),
      settle: (_verdict, _latencyMs, call) => notes.for('gate settles', call),
      release: (_ending, call) => notes.for('gate releases', call),
    }));
    const {
      perCall = [],
      perAttempt = [],
      perEndpoint = [],
    } = standard({ circuitBreaker: false, bulkhead: { concurrency: 2, queue: 500, queueTimeoutMs: 20_000 } });
    const attempts = retry({
      attempts: 4,
      budgetRatio: 1,
      budgetTokens: 500,
      retryOn: ({ reply }, call) => {
        notes.for('retryOn', call);
        return reply === undefined || reply.status === 503;
      },
    });
    const mesh = keep(
      createMesh({
        discovery: staticDiscovery({ users: [server.origin] }),
        defaults: {
          connections: { max: 1 },
          classify: (_outcome, call) => {
            notes.for('classify', call);
            return undefined;
          },
          policies: {
            perCall: [noting(notes, 'outermost'), ...perCall.map((policy) => (policy.name === 'retry' ? attempts : policy))],
            perAttempt: [noting(notes, 'each attempt'), ...perAttempt],
            perEndpoint: [noting(notes, 'endpoint'), gate, ...perEndpoint],
          },
        },
      }),
    );
    mesh.on('retry', ({ path }) => notes.note('event retry', path.slice(1)));

    await Promise.all(
      ['red', 'blue'].map((tenant) =>
        storage.run({ tenant }, async () => {
          const answers = Array.from({ length: 40 }, async (_, index) => {
            const headers = { 'x-tenant': tenant };
            const body = () => {
              notes.note('body function', tenant);
              return `${tenant} ${index}`;
            };
            const init = index % 2 === 0 ? { headers } : { method: 'PUT', headers, body };
            const response = await mesh.fetch(`http://users/${tenant}`, init);
            notes.note('answer', tenant);
            await response.text();
            notes.note('text', tenant);
          });
          await Promise.allSettled(answers);
        }),
      ),
    );
    await quiet(mesh);
    assert.deepEqual(notes.wrong, []);
    const both = [
      'outermost, down',
      'outermost, up',
      'each attempt, failed',
      'endpoint, up',
      'gate begins',
      'gate settles',
      'gate releases',
      'classify',
      'retryOn',
      'event retry',
      'body function',
      'answer',
      'text',
    ];
    for (const where of both) assert.deepEqual([...(notes.seen.get(where) ?? [])].sort(), ['blue', 'red'], where);
  });

  it('hear of timeouts, aborts and redirects in their own context', async () => {
    const server = await serve(
      httpServer((request, response) => {
        if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
        else if (request.url === '/there') json(response, {});
      }),
    );
    const notes = new Notes();
    const mesh = keep(
      createMesh({
        discovery: staticDiscovery({ users: [server.origin] }),
        defaults: { policies: { perCall: [noting(notes, 'call')], perAttempt: [timeout({ timeoutMs: 40 })] } },
      }),
    );
    const abortLater = new AbortController();
    const asTenant = (tenant: string, path: string, init: RequestInit = {}) =>
      storage.run({ tenant }, async () => {
        const response = await mesh.fetch(`http://users${path}`, { headers: { 'x-tenant': tenant }, ...init }).catch(() => undefined);
        notes.note('outcome', tenant);
        return response?.status;
      });
    const calls = [asTenant('slow', '/hangs'), asTenant('aborted', '/hangs', { signal: abortLater.signal }), asTenant('moved', '/moved')];
    storage.run({ tenant: 'aborter' }, () => setImmediate(() => abortLater.abort()));
    assert.deepEqual(await Promise.all(calls), [undefined, undefined, 200]);
    assert.deepEqual(notes.wrong, []);
    assert.deepEqual([...(notes.seen.get('call, failed') ?? [])].sort(), ['aborted', 'slow']);
  });

  it('keep their contexts over mesh.dispatcher', async () => {
    const server = await serve(httpServer((_, response) => response.end('x'.repeat(100_000))));
    const notes = new Notes();
    const mesh = keep(
      createMesh({
        discovery: staticDiscovery({ users: [server.origin] }),
        defaults: { connections: { max: 1 }, policies: { perCall: [noting(notes, 'call')] } },
      }),
    );
    const { dispatcher } = mesh;
    // One after the other, over the one connection that the first of them opened.
    let turn = 0;
    await Promise.all(
      ['red', 'blue', 'green'].map((tenant, index) =>
        storage.run({ tenant }, async () => {
          await until(() => turn === index, 'its turn');
          const headers = { 'x-tenant': tenant };
          const { body } = await undici.request('http://users/', { dispatcher, headers });
          notes.note('request', tenant);
          // A listener runs in the context of whoever emits. That may be the mesh, so nobody's, but never another's.
          body.on('data', () => notes.note('data', storage.getStore() === undefined ? undefined : tenant));
          await until(() => body.readableEnded, 'the end of the body');
          notes.note('end', tenant);
          await new Promise((resolve) => setImmediate(resolve));
          const response = await fetch('http://users/', { dispatcher, headers } as RequestInit);
          notes.note('fetch', tenant);
          await response.text();
          await new Promise((resolve) => setImmediate(resolve));
          turn++;
        }),
      ),
    );
    assert.deepEqual(notes.wrong, []);
    assert.equal(server.accepted, 1);
  });
});

describe('the mesh itself', { timeout: 60_000 }, () => {
  it('watches, sets timers and hears of endpoints in the context that it was made in', async () => {
    const server = await serve(httpServer((_, response) => json(response, {})));
    const contexts = new Map<string, string>();
    const note = (where: string) => contexts.set(where, storage.getStore()?.tenant ?? 'none');
    const clock: Clock = {
      now: () => performance.now(),
      wallTime: () => Date.now(),
      setTimer(callback, delayMs) {
        note('setTimer');
        const timer = setTimeout(callback, delayMs);
        return { cancel: () => clearTimeout(timer), ref: () => void timer.ref(), unref: () => void timer.unref() };
      },
    };
    const options: MeshOptions = {
      clock,
      discovery: {
        name: 'own',
        watch(_service, sink) {
          note('watch');
          setImmediate(() => {
            note('snapshot');
            sink.snapshot([server.origin]);
          });
          return () => {};
        },
      },
    };
    const mesh = keep(storage.run({ tenant: 'maker' }, () => createMesh(options)));
    mesh.on('endpointAdded', () => note('endpointAdded'));
    await storage.run({ tenant: 'caller' }, async () => (await mesh.fetch('http://users/')).text());
    assert.deepEqual(Object.fromEntries(contexts), { watch: 'maker', snapshot: 'maker', setTimer: 'maker', endpointAdded: 'maker' });
  });

  const uses: Record<string, (mesh: Mesh) => Promise<unknown>> = {
    'was read': async (mesh) => (await mesh.fetch('http://users/')).json(),
    'was not read': async (mesh) => (await mesh.fetch('http://users/')).status,
    'was long and not read': async (mesh) => (await mesh.fetch('http://users/long')).status,
    'was aborted': async (mesh) => {
      const controller = new AbortController();
      const call = mesh.fetch('http://users/hangs', { signal: controller.signal }).catch(() => undefined);
      await until(() => mesh.inspect().services.users?.endpoints[0]?.inFlight === 1, 'the attempt');
      controller.abort();
      await call;
    },
    'timed out': (mesh) => mesh.fetch('http://users/hangs', { mesh: { timeoutMs: 20 } }).catch(() => undefined),
    'was retried': async (mesh) => (await mesh.fetch('http://users/busy')).text(),
    'came by the dispatcher': async ({ dispatcher }) => (await undici.request('http://users/', { dispatcher })).body.json(),
  };
  for (const [name, use] of Object.entries(uses)) {
    it(`keeps nothing of the caller's context after an answer that ${name}, though its connections live on`, async () => {
      let busy = 0;
      const server = await serve(
        httpServer((request, response) => {
          if (request.url === '/long') response.end('x'.repeat(1_000_000));
          else if (request.url === '/busy' && busy++ % 2 === 0) response.writeHead(503).end();
          else if (request.url !== '/hangs') json(response, {});
        }),
      );
      const mesh = keep(createMesh({ discovery: staticDiscovery({ users: [server.origin] }) }));
      // What the first call of a mesh makes for all later ones must not be the first caller's either.
      const held = [await used(mesh, use), await used(mesh, use)];
      await until(() => mesh.inspect().services.users !== undefined, 'the service');
      for (let i = 0; i < 20 && held.some((store) => store.deref() !== undefined); i++) {
        await collectGarbage();
        // Something has to happen on the connections meanwhile, in nobody's context.
        await (await mesh.fetch('http://users/')).text();
      }
      assert.deepEqual(
        held.map((store) => store.deref()),
        [undefined, undefined],
      );
    });
  }
});

/** Runs `use` in a context of its own, and gives back no more than a weak reference to its store. */
async function used(mesh: Mesh, use: (mesh: Mesh) => Promise<unknown>): Promise<WeakRef<Store>> {
  const store = { tenant: 'passing by' };
  await storage.run(store, async () => {
    await use(mesh);
  });
  return new WeakRef(store);
}
