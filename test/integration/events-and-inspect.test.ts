import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Mesh, type MeshEventName, type MeshEvents, roundRobin, standard } from '../../src/index.js';
import { address, virtualMesh, watched } from '../support/virtual-mesh.js';

const EVERYTHING: readonly MeshEventName[] = [
  'endpointAdded',
  'endpointRemoved',
  'endpointEjected',
  'endpointRecovered',
  'breakerOpened',
  'breakerHalfOpened',
  'breakerClosed',
  'retry',
  'retryBudgetExhausted',
  'registryFailed',
  'registryRecovered',
  'listHeld',
  'instanceSkipped',
];

/** Writes down every event from now on, in order. */
function record(mesh: Mesh): [MeshEventName, Record<string, unknown>][] {
  const heard: [MeshEventName, Record<string, unknown>][] = [];
  for (const name of EVERYTHING) mesh.on(name, (event: MeshEvents[MeshEventName]) => heard.push([name, { ...event }]));
  return heard;
}

describe('events', () => {
  it('tell of every endpoint that comes and goes', async () => {
    const { mesh, registry } = virtualMesh({ endpoints: 2 });
    const heard = record(mesh);
    await mesh.ready(['users']);
    registry.add('users', address(3));
    registry.remove('users', address(1));
    assert.deepEqual(heard, [
      ['endpointAdded', { service: 'users', endpoint: address(1) }],
      ['endpointAdded', { service: 'users', endpoint: address(2) }],
      ['endpointAdded', { service: 'users', endpoint: address(3) }],
      ['endpointRemoved', { service: 'users', endpoint: address(1) }],
    ]);
  });

  it('tell the whole story of a breaker, in order', async () => {
    const policies = standard({ retry: false, circuitBreaker: { consecutiveFailures: 3, openMs: 1_000 } });
    const { mesh, clock, far } = virtualMesh({ endpoints: 1, defaults: { policies } });
    await mesh.ready(['users']);
    const heard = record(mesh);
    far.on(address(1), { status: 500 });
    for (let i = 0; i < 3; i++) await mesh.fetch('http://users/');
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_UNAVAILABLE' });
    await clock.advance(1_200);
    await mesh.fetch('http://users/');
    far.on(address(1), { status: 200 });
    await clock.advance(2_400);
    await mesh.fetch('http://users/');
    assert.deepEqual(
      heard.map(([name]) => name),
      [
        'endpointEjected',
        'breakerOpened',
        'endpointRecovered',
        'breakerHalfOpened',
        'endpointEjected',
        'breakerOpened',
        'endpointRecovered',
        'breakerHalfOpened',
        'breakerClosed',
      ],
    );
    const opened = heard.filter(([name]) => name === 'breakerOpened').map(([, event]) => event);
    const [first, second] = opened.map(({ forMs }) => forMs as number);
    assert.ok(first !== undefined && first >= 900 && first <= 1_100, `open for ${first} ms`);
    assert.ok(second !== undefined && second >= 1_800 && second <= 2_200, `then for twice as long: ${second} ms`);
    assert.ok(opened.every(({ service, endpoint }) => service === 'users' && endpoint === address(1)));
  });

  it('tell once when a registry fails and once when it is back', async () => {
    const { mesh, clock, registry } = virtualMesh();
    const heard = record(mesh);
    await mesh.ready(['users']);
    heard.length = 0;
    await clock.advance(10_000);
    const error = new Error('no leader');
    registry.fail(error);
    registry.fail(error);
    await clock.advance(5_000);
    registry.recover();
    assert.deepEqual(heard, [
      ['registryFailed', { service: 'users', source: 'mockRegistry', error, staleForMs: 10_000 }],
      ['registryRecovered', { service: 'users', source: 'mockRegistry', afterMs: 5_000 }],
    ]);
  });

  it('name the entries of a registry to which nothing can be sent', async () => {
    const { mesh, registry } = virtualMesh({ endpoints: 1 });
    const heard = record(mesh);
    await mesh.ready(['users']);
    heard.length = 0;
    registry.add('users', 'ftp://10.0.0.9');
    assert.equal(heard.length, 1);
    const [[name, event]] = heard as [[string, Record<string, unknown>]];
    assert.equal(name, 'instanceSkipped');
    assert.deepEqual([event.service, event.source, event.entry], ['users', 'mockRegistry', 'ftp://10.0.0.9']);
    assert.match(String(event.reason), /http/);
  });

  it('are heard no more after off, and on and off can be chained', async () => {
    const { mesh } = virtualMesh({ endpoints: 1 });
    let heard = 0;
    const listener = () => heard++;
    mesh.on('endpointAdded', listener).on('endpointRemoved', listener).off('endpointAdded', listener);
    await mesh.ready(['users']);
    assert.equal(heard, 0);
    assert.throws(() => mesh.on('retry', 'loudly' as never), TypeError);
  });

  it('of one mesh are not those of another', async () => {
    const one = virtualMesh({ endpoints: 1 });
    const other = virtualMesh({ endpoints: 1 });
    const heard = record(other.mesh);
    await one.mesh.ready(['users']);
    assert.deepEqual(heard, []);
  });
});

describe('mesh.inspect', () => {
  it('is plain JSON of the whole state, and empty before the first call', async () => {
    const { mesh, clock, registry } = virtualMesh({ endpoints: 2, defaults: { balancer: roundRobin() } });
    assert.deepEqual(mesh.inspect(), { discovery: 'mockRegistry', services: {} });
    registry.add('users', { url: 'http://[::1]:8080/api', id: 'blue', weight: 2, priority: 1, zone: 'eu-1a', metadata: { version: '7' } });
    for (let i = 0; i < 4; i++) await mesh.fetch('http://users/');
    await clock.advance(100);
    const state = mesh.inspect();
    assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
    const { users } = state.services;
    assert.equal(users?.balancer, 'roundRobin');
    assert.equal(users?.active, 0);
    assert.deepEqual(users?.discovery, { source: 'mockRegistry', state: 'ready', endpoints: 3, draining: 0, listAgeMs: 100 });
    const blue = users?.endpoints.find(({ id }) => id === 'blue');
    assert.deepEqual(blue, {
      id: 'blue',
      origin: 'http://[::1]:8080',
      weight: 2,
      priority: 1,
      zone: 'eu-1a',
      metadata: { version: '7' },
      state: 'ready',
      inFlight: 0,
      requests: 0,
      failures: 0,
      gates: {},
    });
    const first = users?.endpoints.find(({ id }) => id === address(1));
    assert.equal(first?.requests, 2);
    assert.deepEqual(Object.keys(first?.gates ?? {}), ['circuitBreaker'], 'a gate that says nothing of itself is left out');
    assert.ok((first?.latencyMs?.p50 ?? -1) >= 0);
  });

  it('shows calls under way, whether they are sent, queued or between two attempts', async () => {
    const policies = standard({ bulkhead: { concurrency: 2, queue: 5, queueTimeoutMs: 5_000 } });
    const { mesh, clock, far } = virtualMesh({ endpoints: 1, defaults: { policies } });
    far.on(address(1), [{ fault: 'hang' }, { status: 429, headers: { 'retry-after': '9' } }, { fault: 'hang' }]);
    for (let i = 0; i < 3; i++) watched(mesh.fetch('http://users/', { mesh: { timeoutMs: 20_000 } }));
    await clock.settle();
    const { users } = mesh.inspect().services;
    assert.equal(users?.active, 3);
    assert.equal(users?.endpoints[0]?.inFlight, 1);
    await mesh.close({ graceMs: 0 });
  });

  it('shows which endpoints are ready, busy and ejected, and what their gates say', async () => {
    const policies = standard({ retry: false, endpointConcurrency: 1, circuitBreaker: { consecutiveFailures: 1, openMs: 4_000 } });
    const { mesh, clock, far } = virtualMesh({ endpoints: 3, defaults: { policies } });
    far.on(address(1), { status: 500 });
    far.on(address(2), { fault: 'hang' });
    await mesh.fetch('http://users/', { mesh: { endpoint: address(1) } });
    watched(mesh.fetch('http://users/', { mesh: { endpoint: address(2) } }));
    await mesh.fetch('http://users/');
    await clock.advance(1_000);
    const { endpoints = [] } = mesh.inspect().services.users ?? {};
    assert.deepEqual(
      endpoints.map(({ state, failures }) => [state, failures]),
      [
        ['ejected', 1],
        ['busy', 0],
        ['ready', 0],
      ],
    );
    const { circuitBreaker } = (endpoints[0]?.gates ?? {}) as { circuitBreaker: { phase: string; opensAgainInMs: number } };
    assert.equal(circuitBreaker.phase, 'open');
    assert.ok(circuitBreaker.opensAgainInMs <= 3_400 && circuitBreaker.opensAgainInMs >= 2_600);
    assert.deepEqual(endpoints[1]?.gates.bulkhead, { active: 1, concurrency: 1 });
    await mesh.close({ graceMs: 0 });
  });

  it('counts attempts and failures, and measures from the request written to the headers', async () => {
    const { mesh, clock, far } = virtualMesh({ endpoints: 1, defaults: { policies: standard({ retry: false, circuitBreaker: false }) } });
    far.on(address(1), [
      { latencyMs: 80 },
      { status: 503, latencyMs: 80 },
      { fault: 'reset', latencyMs: 80 },
      { status: 404, latencyMs: 80 },
    ]);
    for (let i = 0; i < 4; i++) {
      watched(mesh.fetch('http://users/'));
      await clock.advance(100);
    }
    const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
    assert.equal(endpoint?.requests, 4);
    assert.equal(endpoint?.failures, 2);
    const { p50 = 0, p99 = 0 } = endpoint?.latencyMs ?? {};
    assert.ok(p50 >= 80 && p50 <= 80 * 1.19 && p50 === p99, `${p50} ${p99}`);
  });

  it('counts an answer whose body broke off as a failure of its endpoint', async () => {
    const { mesh, clock, far } = virtualMesh({ endpoints: 1 });
    far.on(address(1), { fault: 'resetBody', body: 'never all of it', bodyMs: 10 });
    const call = watched(mesh.fetch('http://users/'));
    await clock.settle();
    const read = assert.rejects(call.response.text(), { code: 'ERR_MESH_BODY' });
    await clock.advance(20);
    await read;
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.failures, 1);
    assert.equal(far.requests.length, 1, 'and is not repeated');
  });

  it('is a copy: what is done to it changes nothing', async () => {
    const { mesh } = virtualMesh({ endpoints: 1 });
    await mesh.ready(['users']);
    const state = mesh.inspect() as unknown as { services: { users?: { endpoints: unknown[] } } };
    state.services.users?.endpoints.splice(0);
    delete state.services.users;
    assert.equal(mesh.inspect().services.users?.endpoints.length, 1);
  });
});
