import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createMesh, type Mesh, MeshError, type MeshOptions, roundRobin, type StandardOptions, standard } from '../../src/index.js';
import { mockRegistry } from '../../src/testing/index.js';
import { type Behaviour, openLoop, Replica, until } from '../support/replicas.js';

const RATE = 300;

/**
 * A slow machine makes many calls meet the same trouble at once, and attempts time out that would not have. What is
 * tested here is where calls go, and not how much of that a budget of ten retries covers.
 */
const PATIENT: StandardOptions = { attemptTimeoutMs: 1_000, retry: { attempts: 4, budgetTokens: 200 } };

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

async function fleet(size: number, keepAliveMs?: number): Promise<Replica[]> {
  const replicas = await Promise.all(Array.from({ length: size }, () => Replica.start(keepAliveMs)));
  started.push({ close: () => Promise.all(replicas.map((replica) => replica.kill())) });
  return replicas;
}

function meshOf(replicas: readonly Replica[], options: Partial<MeshOptions> = {}) {
  const registry = mockRegistry({ users: replicas.map(({ url }) => url) });
  const mesh = createMesh({ discovery: registry, defaults: { policies: standard(PATIENT) }, ...options });
  started.push({ close: () => mesh.close({ graceMs: 0 }) });
  return { mesh, registry };
}

/** GETs at a steady rate, while `trouble` happens a third of the way in and `relief` two thirds in. */
async function getUnderTrouble(
  mesh: Mesh,
  trouble: () => unknown,
  relief: () => unknown = () => {},
): Promise<PromiseSettledResult<number>[]> {
  const count = 450;
  return openLoop(count, RATE, async (index) => {
    if (index === count / 3) await trouble();
    if (index === (count * 2) / 3) await relief();
    const response = await mesh.fetch(`http://users/${index}`);
    await response.text();
    return response.status;
  });
}

function assertAllOk(results: readonly PromiseSettledResult<number>[]): void {
  const bad = results.filter((result) => result.status === 'rejected' || result.value !== 200);
  assert.deepEqual(bad, []);
}

function assertIdle(mesh: Mesh): void {
  const { users } = mesh.inspect().services;
  assert.equal(users?.active, 0);
  assert.ok(users?.endpoints.every(({ inFlight }) => inFlight === 0));
}

/** Every endpoint in turn, whatever it did before: only the breaker keeps a bad one out. */
function inTurn(options: StandardOptions = {}): Partial<MeshOptions> {
  return { defaults: { balancer: roundRobin(), policies: standard({ ...PATIENT, ...options }) } };
}

describe('no GET is lost', { concurrency: 2 }, () => {
  it('when a replica is killed and comes back, and it gets traffic again', async () => {
    const replicas = await fleet(4);
    const [victim] = replicas as [Replica];
    const { mesh } = meshOf(replicas, inTurn({ circuitBreaker: { openMs: 100, maxOpenMs: 100 } }));
    let seenBefore = 0;
    const results = await getUnderTrouble(
      mesh,
      () => victim.kill(),
      () => {
        seenBefore = victim.seen.length;
        return victim.start();
      },
    );
    assertAllOk(results);
    assert.ok(victim.seen.length - seenBefore > 20, `${victim.seen.length - seenBefore} after it came back`);
    assertIdle(mesh);
  });

  it('when a replica hangs, which is left alone from its first requests on', async () => {
    const replicas = await fleet(4);
    const [victim] = replicas as [Replica];
    // A service takes its time. Were all answers there at once, a pause of this process would make the others look fifty times as slow.
    for (const replica of replicas) replica.behaviour = (_request, response) => void setTimeout(() => response.end(), 20);
    const { mesh } = meshOf(replicas);
    let seenBefore = 0;
    const results = await getUnderTrouble(mesh, () => {
      seenBefore = victim.seen.length;
      victim.behaviour = 'hang';
    });
    assertAllOk(results);
    assert.ok(victim.seen.length - seenBefore < 20, `${victim.seen.length - seenBefore} hung`);
    assertIdle(mesh);
  });

  const troubles: Record<string, Behaviour> = {
    'answers 503': 'unavailable',
    'answers garbage': 'garbage',
    'resets its connections': 'reset',
  };
  for (const [what, behaviour] of Object.entries(troubles)) {
    it(`when a replica ${what}, and its breaker takes it out`, async () => {
      const replicas = await fleet(4);
      const [victim] = replicas as [Replica];
      const { mesh } = meshOf(replicas, inTurn());
      const ejected: string[] = [];
      mesh.on('endpointEjected', ({ endpoint }) => ejected.push(endpoint));
      let seenBefore = 0;
      const results = await getUnderTrouble(mesh, () => {
        seenBefore = victim.seen.length;
        victim.behaviour = behaviour;
      });
      assertAllOk(results);
      assert.deepEqual(ejected, [victim.url]);
      assert.ok(victim.seen.length - seenBefore < 10, `${victim.seen.length - seenBefore} failed`);
      assertIdle(mesh);
    });
  }

  it('when every replica closes its idle connections all the time', async () => {
    const replicas = await fleet(3, 1);
    const { mesh } = meshOf(replicas);
    assertAllOk(await getUnderTrouble(mesh, () => {}));
    assertIdle(mesh);
  });

  it('when all connections are reset under load, again and again', async () => {
    const replicas = await fleet(3);
    const { mesh } = meshOf(replicas);
    const results = await openLoop(450, RATE, async (index) => {
      if (index % 30 === 29) replicas[index % 3]?.closeSockets();
      const response = await mesh.fetch(`http://users/${index}`);
      await response.text();
      return response.status;
    });
    assertAllOk(results);
    assertIdle(mesh);
  });
});

describe('a POST', () => {
  it('reaches a replica at most once, whatever happens to connections and replicas', async () => {
    const replicas = await fleet(4, 2);
    const [first, second, third] = replicas as [Replica, Replica, Replica];
    const { mesh } = meshOf(replicas);
    const answered: number[] = [];
    const results = await openLoop(900, RATE, async (index) => {
      if (index % 20 === 0) second.closeSockets();
      if (index === 200) third.behaviour = 'reset';
      if (index === 300) await first.kill();
      if (index === 400) third.behaviour = 'ok';
      if (index === 600) await first.start();
      const response = await mesh.fetch('http://users/orders', {
        method: 'POST',
        body: `order ${index}`,
        headers: { 'x-id': String(index) },
      });
      await response.text();
      answered.push(index);
    });
    const counts = new Map<string, number>();
    for (const { id } of replicas.flatMap(({ seen }) => seen)) if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    assert.deepEqual(
      [...counts].filter(([, count]) => count > 1),
      [],
    );
    assert.ok(answered.every((index) => counts.get(String(index)) === 1));
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      assert.ok(result.reason instanceof MeshError);
      assert.equal(result.reason.code, 'ERR_MESH_LOST', 'what was never sent was sent elsewhere');
    }
    assert.ok(answered.length > 800, `${answered.length} of 900 were answered`);
    assertIdle(mesh);
  });
});

describe('the list under load', () => {
  it('a new endpoint gets traffic, a removed one finishes what it has, gets no more, and loses its connections', async () => {
    const replicas = await fleet(3);
    const [removed, kept, added] = replicas as [Replica, Replica, Replica];
    const { mesh, registry } = meshOf([removed, kept], inTurn());
    let finish: (() => void) | undefined;
    removed.behaviour = (request, response) => {
      if (request.url === '/slow') finish = () => response.end('late but complete');
      else response.end('{}');
    };
    const slow = mesh.fetch('http://users/slow', { mesh: { endpoint: removed.url, attemptTimeoutMs: 5_000 } });
    await until(() => finish !== undefined, 'the slow request is under way');
    let seenWhenRemoved = 0;
    const results = await openLoop(600, RATE, async (index) => {
      if (index === 200) {
        registry.add('users', added.url);
        registry.remove('users', removed.url);
        seenWhenRemoved = removed.seen.length;
      }
      const response = await mesh.fetch(`http://users/${index}`);
      await response.text();
      return response.status;
    });
    assertAllOk(results);
    assert.ok(added.seen.length > 50, `the new endpoint got ${added.seen.length}`);
    // Up to here what was on its way when it was removed may have come in.
    assert.ok(removed.seen.length - seenWhenRemoved <= 5, `${removed.seen.length - seenWhenRemoved} came after it was removed`);
    assert.ok(removed.sockets.size > 0);
    finish?.();
    assert.equal(await (await slow).text(), 'late but complete');
    await until(() => removed.sockets.size === 0, 'the connections of the removed endpoint are closed');
    assert.ok(kept.sockets.size > 0);
    assertIdle(mesh);
  });
});
