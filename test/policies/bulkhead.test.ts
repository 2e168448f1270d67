import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import type { Endpoint } from '../../src/core/endpoint.js';
import { ConfigError, TimeoutError } from '../../src/core/errors.js';
import type { Gate } from '../../src/core/gate.js';
import { bulkhead } from '../../src/policies/bulkhead.js';
import { timeout } from '../../src/policies/timeout.js';
import { ask, callOf, hang, lost } from '../support/fake-send.js';
import { errorAt, Surroundings } from '../support/policy-scope.js';

describe('a bulkhead around a service', () => {
  it('refuses at once what is beyond its calls and its queue', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 2, queue: 1 }));
    const asked = [1, 2, 3, 4].map(() => ask(send));
    await around.clock.settle();
    assert.deepEqual(
      asked.map(({ state }) => state),
      ['waiting', 'waiting', 'waiting', 'failed'],
    );
    assert.equal(asked[3]?.code, 'ERR_MESH_QUEUE_FULL');
    assert.match(String(asked[3]?.error), /2 calls of at most 2 are under way, and its queue of 1 is full; nothing was sent/);
    assert.equal(around.far.requests.length, 2);
  });

  it('has no queue unless one was asked for', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1 }));
    ask(send);
    const refused = ask(send);
    await around.clock.settle();
    assert.match((refused.error as Error).message, /it has no queue/);
  });

  it('holds a place until the body has ended, and gives it to whoever waited longest', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 5 }));
    for (const path of ['/1', '/2', '/3']) ask(send, callOf({ path }));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.settle();
    assert.equal(around.far.requests.length, 1);
    body.end();
    await around.clock.settle();
    assert.equal(around.far.requests.length, 2);
    around.far.last.reply(200);
    await around.clock.settle();
    assert.deepEqual(
      around.far.requests.map(({ call }) => call.path),
      ['/1', '/2', '/3'],
    );
  });

  it('fills all places that come free at one moment', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 3, queue: 5 }));
    for (let i = 0; i < 8; i++) ask(send);
    const bodies = [0, 1, 2].map((index) => around.far.request(index).reply(200, { open: true }));
    await around.clock.settle();
    for (const body of bodies) body.end();
    await around.clock.settle();
    assert.equal(around.far.requests.length, 6);
  });

  it('frees the place of a call that failed, was cancelled, or had its body cut off', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1 }));
    around.far.will(lost);
    ask(send);
    await around.clock.settle();
    const cancelled = ask(send);
    cancelled.call.cancel(new Error('enough'));
    await around.clock.settle();
    ask(send);
    around.far.last.reply(200, { open: true }).cancel(new Error('enough'));
    await around.clock.settle();
    around.far.will(200);
    const asked = ask(send);
    await around.clock.settle();
    assert.equal(asked.reply.status, 200);
  });

  it('does not lose a place to something below that throws', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1 }), () => {
      throw new Error('thrown');
    });
    for (let i = 0; i < 3; i++) {
      const asked = ask(send);
      await around.clock.settle();
      assert.equal((asked.error as Error).message, 'thrown');
    }
  });

  it('lets nobody wait for longer than its time', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 1, queueTimeoutMs: 50 }));
    ask(send);
    const waiting = ask(send);
    await around.clock.advance(49);
    assert.equal(waiting.state, 'waiting');
    await around.clock.advance(1);
    assert.equal(waiting.code, 'ERR_MESH_QUEUE_TIMEOUT');
    assert.ok(waiting.error instanceof TimeoutError);
    assert.match((waiting.error as Error).message, /queueTimeoutMs: 50.*1 calls of at most 1 are under way/);
    const next = ask(send);
    await around.clock.settle();
    assert.equal(next.state, 'waiting');
    around.far.last.reply(200);
    around.far.will(200);
    await around.clock.settle();
    assert.equal(next.reply.status, 200);
    assert.equal(around.clock.pendingTimers <= 1, true);
  });

  it('lets a caller who gives up leave the queue at once, and its place be taken', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 1 }));
    ask(send);
    const waiting = ask(send);
    const reason = new Error('enough');
    waiting.call.cancel(reason);
    const next = ask(send);
    await around.clock.settle();
    assert.equal(waiting.error, reason);
    assert.equal(next.state, 'waiting');
  });

  it('gives a place on when its new owner gives up in the moment of getting it', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 2 }));
    ask(send, callOf({ path: '/1' }));
    const second = ask(send, callOf({ path: '/2' }));
    ask(send, callOf({ path: '/3' }));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.settle();
    body.end();
    second.call.cancel(new Error('enough'));
    await around.clock.settle();
    assert.equal((second.error as Error).message, 'enough');
    assert.deepEqual(
      around.far.requests.map(({ call }) => call.path),
      ['/1', '/3'],
    );
  });

  it('lets no newcomer overtake, not even between a place coming free and its owner starting', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 2 }));
    ask(send, callOf({ path: '/1' }));
    ask(send, callOf({ path: '/2' }));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.settle();
    body.end();
    ask(send, callOf({ path: '/3' }));
    await around.clock.settle();
    assert.deepEqual(
      around.far.requests.map(({ call }) => call.path),
      ['/1', '/2'],
    );
  });

  it('starts nothing whose time was over while it waited', async () => {
    const around = new Surroundings();
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 1 }));
    ask(send);
    const call = callOf();
    call.deadlineMs = 100;
    const waiting = ask(send, call);
    await around.clock.advance(100);
    around.far.last.reply(200);
    await around.clock.settle();
    assert.equal(waiting.code, 'ERR_MESH_QUEUE_TIMEOUT');
    assert.equal(around.far.requests.length, 1);
    ask(send);
    assert.equal(around.far.requests.length, 2);
  });

  it("is bounded by the call's own time, also in its queue", async () => {
    const around = new Surroundings();
    const send = around.perCall(timeout({ timeoutMs: 50 }), around.perCall(bulkhead({ concurrency: 1, queue: 1 })));
    around.far.will(hang);
    const first = ask(send);
    const second = ask(send);
    await around.clock.advance(50);
    assert.equal(first.code, 'ERR_MESH_TIMEOUT');
    assert.equal(second.code, 'ERR_MESH_TIMEOUT');
    assert.equal(around.far.requests.length, 1);
  });

  it('starts each call in its own async context', async () => {
    const around = new Surroundings();
    const tenant = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const send = around.perCall(bulkhead({ concurrency: 1, queue: 5 }), (call) => {
      seen.push(tenant.getStore());
      return around.far.send(call);
    });
    for (const name of ['a', 'b', 'c']) tenant.run(name, () => ask(send));
    for (let i = 0; i < 3; i++) {
      around.far.last.reply(200);
      await around.clock.settle();
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  it('stands in perAttempt as well', async () => {
    const around = new Surroundings();
    const send = around.perAttempt(bulkhead({ concurrency: 1 }));
    ask(send);
    const refused = ask(send);
    await around.clock.settle();
    assert.equal(refused.code, 'ERR_MESH_QUEUE_FULL');
  });

  it('is nothing at all without a bound and a queue', () => {
    const around = new Surroundings();
    assert.equal(around.perCall(bulkhead()), around.far.send);
  });
});

describe('the queue of a bulkhead, when all endpoints are busy', () => {
  /** Endpoints that take one request at a time, and a balancer that takes the first that can be picked. */
  class OneAtATime {
    readonly around = new Surroundings();
    private readonly gates = new Map<Endpoint, Gate>();

    add(id: string): Endpoint {
      const endpoint = this.around.endpoint(id);
      const [gate] = this.around.perEndpoint(bulkhead({ concurrency: 1 }), endpoint).gates;
      this.gates.set(endpoint, gate ?? assert.fail());
      return endpoint;
    }

    readonly balance = (call: ReturnType<typeof callOf>) => {
      const { view } = this.around;
      const endpoint = view.count === 0 ? undefined : view.bySlot[view.slots[0] ?? -1];
      if (endpoint === undefined) return Promise.reject(new Error('nothing to pick'));
      const gate = this.gates.get(endpoint);
      gate?.begin?.(call, 0);
      return this.around.far.send(call).then((reply) => {
        reply.onEnd((ending) => gate?.release?.(ending, call));
        return reply;
      });
    };

    get paths(): string[] {
      return this.around.far.requests.map(({ call }) => call.path);
    }
  }

  it('holds calls until one opens, and lets through as many as there is room for', async () => {
    const endpoints = new OneAtATime();
    const { around } = endpoints;
    endpoints.add('a');
    const send = around.perCall(bulkhead({ queue: 10 }), endpoints.balance);
    const asked = ['/1', '/2', '/3', '/4'].map((path) => ask(send, callOf({ path })));
    await around.clock.settle();
    assert.deepEqual(endpoints.paths, ['/1']);
    around.far.last.reply(200);
    await around.clock.settle();
    assert.deepEqual(endpoints.paths, ['/1', '/2']);
    endpoints.add('b');
    await around.clock.settle();
    assert.deepEqual(endpoints.paths, ['/1', '/2', '/3']);
    around.far.request(1).reply(200);
    around.far.request(2).reply(200);
    await around.clock.settle();
    around.far.last.reply(200);
    await around.clock.settle();
    assert.deepEqual(endpoints.paths, ['/1', '/2', '/3', '/4']);
    assert.deepEqual(
      asked.map(({ state }) => state),
      ['replied', 'replied', 'replied', 'replied'],
    );
  });

  it('calls up one for one place, although both the endpoint and the call that ended say that there is room', async () => {
    const endpoints = new OneAtATime();
    const { around } = endpoints;
    endpoints.add('a');
    const send = around.perCall(bulkhead({ queue: 10 }), endpoints.balance);
    const asked = ['/1', '/2', '/3'].map((path) => ask(send, callOf({ path })));
    const body = around.far.last.reply(200, { open: true });
    await around.clock.settle();
    body.end();
    await around.clock.settle();
    assert.deepEqual(endpoints.paths, ['/1', '/2']);
    assert.equal(asked[2]?.state, 'waiting');
  });

  it('says so to a call that waited in vain', async () => {
    const endpoints = new OneAtATime();
    const { around } = endpoints;
    endpoints.add('a');
    const send = around.perCall(bulkhead({ queue: 1, queueTimeoutMs: 20 }), endpoints.balance);
    ask(send);
    const waiting = ask(send);
    const refused = ask(send);
    await around.clock.advance(20);
    assert.match((waiting.error as Error).message, /all 1 endpoints that are fit are busy/);
    assert.equal(refused.code, 'ERR_MESH_QUEUE_FULL');
  });

  it('does not hold calls when the endpoints are broken: they fail below, at once', async () => {
    const around = new Surroundings();
    around.view.shutterFor(around.endpoint('a')).shut('broken');
    const asked = ask(around.perCall(bulkhead({ queue: 10 }), () => Promise.reject(new Error('nothing to pick'))));
    await around.clock.settle();
    assert.equal((asked.error as Error).message, 'nothing to pick');
  });

  it('is not there without a queue: the call fails below', async () => {
    const endpoints = new OneAtATime();
    endpoints.add('a');
    const send = endpoints.around.perCall(bulkhead({ concurrency: 10 }), endpoints.balance);
    ask(send);
    const asked = ask(send);
    await endpoints.around.clock.settle();
    assert.equal((asked.error as Error).message, 'nothing to pick');
  });
});

describe('a bulkhead around an endpoint', () => {
  it('hides the endpoint from the balancer, as busy, while it has all it may have', () => {
    const around = new Surroundings();
    const endpoint = around.endpoint('a');
    const [gate] = around.perEndpoint(bulkhead({ concurrency: 2 }), endpoint).gates;
    const call = callOf();
    gate?.begin?.(call, 0);
    assert.equal(around.view.count, 1);
    gate?.begin?.(call, 0);
    assert.deepEqual([around.view.count, around.view.busy], [0, 1]);
    gate?.begin?.(call, 0);
    assert.deepEqual(gate?.inspect?.(), { active: 3, concurrency: 2 });
    gate?.release?.('ended', call);
    assert.equal(around.view.count, 0);
    gate?.release?.('failed', call);
    assert.deepEqual([around.view.count, around.view.busy], [1, 0]);
  });
});

describe('the options of bulkhead', () => {
  it('must fit their place', () => {
    assert.match(String(errorAt('endpoint', bulkhead())), /bulkhead\.concurrency must be given/);
    assert.match(String(errorAt('endpoint', bulkhead({ concurrency: 5, queue: 5 }))), /bulkhead\.queue must be left out in perEndpoint/);
    assert.equal(errorAt('endpoint', bulkhead({ concurrency: 5 })), undefined);
    assert.equal(errorAt('call', bulkhead({ concurrency: 5, queue: 5 })), undefined);
    assert.throws(() => new Surroundings().perEndpoint(bulkhead(), new Surroundings().endpoint('a')), ConfigError);
  });

  it('are refused when they make no sense', () => {
    assert.throws(() => bulkhead({ concurrency: 0 }), /bulkhead\.concurrency must be a whole number of at least 1, got 0/);
    assert.throws(() => bulkhead({ queue: Number.POSITIVE_INFINITY }), /bulkhead\.queue/);
    assert.throws(() => bulkhead({ queueTimeoutMs: 0 }), /bulkhead\.queueTimeoutMs/);
    assert.throws(() => bulkhead({ size: 5 } as object), /unknown option 'size'/);
    assert.equal(bulkhead().override?.(false), false);
    assert.throws(() => bulkhead().override?.({}), TypeError);
  });
});
