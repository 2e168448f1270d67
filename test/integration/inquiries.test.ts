import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Endpoint } from '../../src/core/endpoint.js';
import type { Balancer, PickerScope } from '../../src/core/picker.js';
import { createMesh, roundRobin, staticDiscovery } from '../../src/index.js';
import { httpServer, rawServer } from '../support/servers.js';
import { address, virtualMesh } from '../support/virtual-mesh.js';

/** A balancer whose scope the test gets hold of. */
function tapped(): { balancer: Balancer; scope(): PickerScope; ask: NonNullable<PickerScope['ask']>; endpoint(nth: number): Endpoint } {
  let held: PickerScope | undefined;
  const scope = () => {
    assert.ok(held);
    return held;
  };
  return {
    balancer: {
      name: 'tapped',
      build(given) {
        held = given;
        return roundRobin().build(given);
      },
    },
    scope,
    ask(endpoint, question) {
      const { ask } = scope();
      assert.ok(ask);
      return ask(endpoint, question);
    },
    endpoint(nth) {
      const endpoint = [...scope().view][nth];
      assert.ok(endpoint);
      return endpoint;
    },
  };
}

const QUESTION = { path: '/load?x=1', timeoutMs: 100 };

describe('what a balancer asks an endpoint by itself', () => {
  test('reaches that endpoint, under the service’s name, with its own headers, and is answered', async () => {
    const tap = tapped();
    const { mesh, far } = virtualMesh({
      defaults: { balancer: tap.balancer },
      scripts: { [address(2)]: { status: 204, headers: { 'x-load': '7' } } },
    });
    await mesh.fetch('http://users/');
    const reply = await tap.ask(tap.endpoint(1), { ...QUESTION, headers: ['x-why', 'probe'] }).reply;
    assert.equal(reply.status, 204);
    assert.equal(reply.header('x-load'), '7');
    const { endpoint, method, path, headers } = far.requests[1] ?? {};
    assert.deepEqual({ endpoint, method, path }, { endpoint: address(2), method: 'GET', path: '/load?x=1' });
    assert.deepEqual(headers, { host: 'users', 'x-why': 'probe' });
    await mesh.close();
  });

  test('keeps the endpoint’s own host where requests do', async () => {
    const tap = tapped();
    const { mesh, far } = virtualMesh({ defaults: { balancer: tap.balancer, host: 'endpoint' } });
    await mesh.fetch('http://users/');
    await tap.ask(tap.endpoint(0), { ...QUESTION, method: 'HEAD' }).reply;
    assert.deepEqual(far.requests[1]?.headers, {});
    assert.equal(far.requests[1]?.method, 'HEAD');
    await mesh.close();
  });

  test('is no request of the service: not in flight, not in latencies, not in counts; but it is counted', async () => {
    const tap = tapped();
    const { mesh, clock } = virtualMesh({
      endpoints: 1,
      defaults: { balancer: tap.balancer },
      scripts: { [address(1)]: { latencyMs: 50 } },
    });
    const first = mesh.fetch('http://users/');
    await clock.advance(50);
    await first;
    assert.equal(mesh.inspect().services.users?.inquiries, undefined);
    const before = mesh.inspect().services.users?.endpoints;
    const inquiry = tap.ask(tap.endpoint(0), QUESTION);
    await clock.settle();
    assert.deepEqual(mesh.inspect().services.users?.endpoints, before);
    assert.deepEqual(mesh.inspect().services.users?.inquiries, { asked: 1, answered: 0, timedOut: 0, failed: 0, inFlight: 1 });
    await clock.advance(50);
    await inquiry.reply;
    assert.deepEqual(mesh.inspect().services.users?.endpoints, before);
    assert.deepEqual(mesh.inspect().services.users?.inquiries, { asked: 1, answered: 1, timedOut: 0, failed: 0, inFlight: 0 });
    assert.equal(tap.scope().view.inFlight, 0);
    await mesh.close();
  });

  test('has a time of its own, which covers the body, too', async () => {
    const tap = tapped();
    const scripts = { [address(1)]: { fault: 'hang' as const }, [address(2)]: { body: 'slow', bodyMs: 5_000 } };
    const { mesh, clock, far } = virtualMesh({ endpoints: 3, defaults: { balancer: tap.balancer }, scripts });
    await mesh.ready(['users']);
    const hanging = tap.ask(tap.endpoint(0), QUESTION);
    const slow = tap.ask(tap.endpoint(1), QUESTION);
    await clock.settle();
    assert.equal((await slow.reply).status, 200);
    assert.equal(far.open, 2);
    const failed = assert.rejects(hanging.reply, {
      name: 'TimeoutError',
      code: 'ERR_MESH_ATTEMPT_TIMEOUT',
      message: /left a question open for 100 ms/,
    });
    await clock.advance(110);
    await failed;
    assert.equal(far.open, 0);
    assert.deepEqual(mesh.inspect().services.users?.inquiries, { asked: 2, answered: 1, timedOut: 1, failed: 0, inFlight: 0 });
    await mesh.close();
  });

  test('ends when it is cancelled, when its endpoint is removed and when the mesh is closed, whether anybody listens or not', async () => {
    const tap = tapped();
    const hang = { fault: 'hang' as const };
    const { mesh, clock, far, registry } = virtualMesh({
      defaults: { balancer: tap.balancer },
      scripts: { [address(1)]: hang, [address(2)]: hang, [address(3)]: hang },
    });
    await mesh.ready(['users']);
    const endpoints = [0, 1, 2].map((nth) => tap.endpoint(nth));
    const [one, two, three] = endpoints.map((endpoint) => tap.ask(endpoint, { ...QUESTION, timeoutMs: 60_000 }));
    assert.ok(one && two && three);
    await clock.settle();
    assert.equal(far.open, 3);
    one.cancel();
    await assert.rejects(one.reply, { code: 'ERR_MESH_CLOSED' });
    one.cancel();
    assert.equal(far.open, 2);
    const [, second] = endpoints;
    registry.remove('users', address(2));
    await clock.settle();
    await assert.rejects(two.reply, { code: 'ERR_MESH_CLOSED' });
    assert.ok(second);
    await assert.rejects(tap.ask(second, QUESTION).reply, { code: 'ERR_MESH_NO_ENDPOINT' });
    assert.equal(far.open, 1);
    await mesh.close();
    await assert.rejects(three.reply, { code: 'ERR_MESH_CLOSED' });
    assert.equal(far.open, 0);
    // These nobody listens to: an unhandled rejection would end the process.
    tap.ask(endpoints[2] as Endpoint, QUESTION);
    await wait(1);
    assert.equal(clock.pendingTimers, 0);
  });

  test('goes over the connections that requests use, and lets them go with the endpoint', async (t) => {
    const server = await httpServer((request, response) => void response.end(request.url));
    t.after(() => server.close());
    const tap = tapped();
    const mesh = createMesh({ discovery: staticDiscovery({ users: [`${server.origin}/base`] }), defaults: { balancer: tap.balancer } });
    await mesh.ready(['users']);
    for (let i = 0; i < 5; i++) {
      const { status, ending } = await tap.ask(tap.endpoint(0), { ...QUESTION, timeoutMs: 10_000 }).reply;
      assert.equal(status, 200);
      assert.equal(ending === undefined || ending === 'ended', true);
      assert.equal(await (await mesh.fetch('http://users/own')).text(), '/base/own');
    }
    assert.ok(server.accepted <= 2, `${server.accepted} connections`);
    await mesh.close();
    await server.idle();
  });

  test('reads no body that does not end, and frees its connection', async (t) => {
    let flowing = 0;
    const server = await rawServer((socket) => {
      flowing++;
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n');
      socket.on('close', () => flowing--);
    });
    t.after(() => server.close());
    const tap = tapped();
    const mesh = createMesh({ discovery: staticDiscovery({ users: [server.origin] }), defaults: { balancer: tap.balancer } });
    t.after(() => mesh.close());
    await mesh.ready(['users']);
    const { status } = await tap.ask(tap.endpoint(0), { ...QUESTION, timeoutMs: 300 }).reply;
    assert.equal(status, 200);
    const endMs = performance.now() + 10_000;
    while (flowing > 0) {
      assert.ok(performance.now() < endMs, 'the connection stays');
      await wait(5);
    }
  });

  test('fails where nobody listens at the endpoint', async (t) => {
    const server = await httpServer((_request, response) => void response.end());
    const { origin } = server;
    await server.close();
    const tap = tapped();
    const mesh = createMesh({ discovery: staticDiscovery({ users: [origin] }), defaults: { balancer: tap.balancer } });
    t.after(() => mesh.close());
    await mesh.ready(['users']);
    await assert.rejects(tap.ask(tap.endpoint(0), { ...QUESTION, timeoutMs: 10_000 }).reply, { code: 'ERR_MESH_CONNECT' });
    assert.equal(mesh.inspect().services.users?.inquiries?.failed, 1);
  });

  test('knows no caller: it runs in the context of the mesh', async () => {
    const storage = new AsyncLocalStorage<string>();
    const tap = tapped();
    const seen: (string | undefined)[] = [];
    const { mesh } = virtualMesh({
      endpoints: 1,
      defaults: { balancer: tap.balancer },
      scripts: {
        [address(1)]: () => {
          seen.push(storage.getStore());
          return {};
        },
      },
    });
    await mesh.ready(['users']);
    await storage.run('a tenant', async () => {
      await tap.ask(tap.endpoint(0), QUESTION).reply;
    });
    assert.deepEqual(seen, [undefined]);
    await mesh.close();
  });
});
