import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import zooKeeperPackage from 'node-zookeeper-client';
import { createMesh } from '../../../src/index.js';
import { until } from '../../discovery/recording-sink.js';
import { startZooKeeper, type ZooKeeper, type ZooKeeperOptions } from '../servers/zookeeper.js';
import { Network } from '../support/network.js';
import { curatorData, Hands } from './hands.js';
import { serveReplicas } from './replicas.js';
import { eventually, listed, sessionOf, sourceOf, watching } from './watching.js';

async function started(test: TestContext, options?: ZooKeeperOptions): Promise<ZooKeeper> {
  const zooKeeper = await startZooKeeper(options);
  test.after(() => zooKeeper.stop());
  return zooKeeper;
}

async function handsOn(test: TestContext, { servers }: ZooKeeper): Promise<Hands> {
  const hands = await Hands.connect(servers);
  test.after(() => hands.leave());
  return hands;
}

const entry = (service: string, id: string, port = 8080) => curatorData(service, { id, url: `http://127.0.0.1:${port}` });

describe('a session with ZooKeeper', { concurrency: 3 }, () => {
  test('that expires is followed by another, in which all is watched and announced anew', async (t) => {
    const zooKeeper = await started(t);
    const hands = await handsOn(t, zooKeeper);
    await hands.write('/services/users/a', entry('users', 'a'));
    const source = sourceOf(t, { servers: zooKeeper.servers });
    const { sink, host } = watching(t, source, 'users');
    await listed(sink, 'a');
    const lease = await source.announce?.({ service: 'users', url: 'http://127.0.0.1:9000', id: 'mine' }, host);
    await listed(sink, 'a', 'mine');

    // Somebody else takes the session to another connection and ends it there.
    const { id, password } = sessionOf(source);
    const first = id.toString('hex');
    const other = zooKeeperPackage.createClient(zooKeeper.servers, { sessionId: id, sessionPassword: password } as object);
    await new Promise<void>((resolve) => {
      other.once('connected', resolve);
      other.connect();
    });
    other.close();

    await host.reported(/^failed users mine: .*expired/);
    await host.reported(/^announced users mine/);
    assert.notEqual(sessionOf(source).id.toString('hex'), first);
    await until(() => sink.said.filter(({ kind }) => kind === 'snapshot').length === 2, 'the list of the new session');
    await listed(sink, 'a', 'mine');
    await hands.write('/services/users/b', entry('users', 'b'));
    await listed(sink, 'a', 'b', 'mine');
    await lease?.close();
    assert.deepEqual([...(await hands.children('/services/users'))].sort(), ['a', 'b']);
  });

  test('goes on after a cut, and tells of exactly what happened meanwhile', async (t) => {
    const zooKeeper = await started(t);
    const hands = await handsOn(t, zooKeeper);
    for (const id of ['a', 'b', 'c']) await hands.write(`/services/users/${id}`, entry('users', id));
    const network = await Network.to(zooKeeper.servers);
    t.after(() => network.close());
    const source = sourceOf(t, { servers: network.address, sessionTimeoutMs: 10_000 });
    const { sink } = watching(t, source, 'users');
    await listed(sink, 'a', 'b', 'c');
    network.turn('refusing');
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.deepEqual(sink.ids, ['a', 'b', 'c'], 'the list stands');
    await hands.write('/services/users/b', entry('users', 'b', 9090));
    await hands.delete('/services/users/c');
    await hands.write('/services/users/d', entry('users', 'd'));
    network.turn('open');
    await listed(sink, 'a', 'b', 'd');
    await until(() => JSON.stringify(sink.list.get('b')).includes('9090'), 'the new address');
    assert.equal(sink.said.filter(({ kind }) => kind === 'snapshot').length, 1);
    assert.equal(
      sink.said.reduce((sum, { upsert = 0 }) => sum + upsert, 0),
      2,
      'what did not change was not read',
    );
  });

  test('takes ten thousand watches to the next connection, which are more than the server takes at once', async (t) => {
    const zooKeeper = await started(t);
    const hands = await handsOn(t, zooKeeper);
    const names = Array.from({ length: 10_000 }, (_, each) => `${'long-name-'.repeat(10)}${each}`);
    await hands.writeNew(
      '/services/many',
      names.map((name) => [name, entry('many', name)] as const),
    );
    const network = await Network.to(zooKeeper.servers);
    t.after(() => network.close());
    const source = sourceOf(t, { servers: network.address, sessionTimeoutMs: 10_000, requestTimeoutMs: 10_000 });
    const { sink } = watching(t, source, 'many');
    await eventually(async () => sink.list.size === 10_000, 'the list');
    network.turn('refusing');
    network.turn('open');
    await eventually(async () => sink.said.some(({ kind }) => kind === 'failed') && sink.last?.kind === 'patch', 'the reconnection');
    const last = names.at(-1) ?? '';
    await hands.write(`/services/many/${last}`, entry('many', last, 9090));
    await until(() => JSON.stringify(sink.list.get(last)).includes('9090'), 'the change');
    assert.deepEqual(
      sink.said.filter(({ kind }) => kind !== 'failed').map(({ kind, upsert }) => [kind, upsert]),
      [
        ['snapshot', undefined],
        ['patch', 0],
        ['patch', 1],
      ],
    );
  });

  test('with a server that restarts empty is given up, and what is announced is there again, once', async (t) => {
    const zooKeeper = await started(t);
    const source = sourceOf(t, { servers: zooKeeper.servers });
    const { sink, host } = watching(t, source, 'users');
    const lease = await source.announce?.({ service: 'users', url: 'http://127.0.0.1:9000', id: 'mine' }, host);
    await listed(sink, 'mine');
    await zooKeeper.restart({ empty: true });
    await host.reported(/^announced users mine/);
    const hands = await Hands.connect(zooKeeper.servers);
    assert.deepEqual(await hands.children('/services/users'), ['mine']);
    await listed(sink, 'mine');
    assert.ok(
      sink.said.every(({ kind, live }) => kind !== 'snapshot' || live === false),
      'no list of a restart is taken for a change',
    );
    await lease?.close();
    assert.deepEqual(await hands.children('/services/users'), []);
    await hands.close();
  });

  test('with a frozen server is found out without traffic, while calls go on', async (t) => {
    const zooKeeper = await started(t);
    const hands = await handsOn(t, zooKeeper);
    const [replica] = await serveReplicas(t, 1);
    await hands.write('/services/users/a', curatorData('users', { id: 'a', url: replica?.url ?? '' }));
    const mesh = createMesh({ discovery: sourceOf(t, { servers: zooKeeper.servers, sessionTimeoutMs: 3_000, requestTimeoutMs: 500 }) });
    t.after(() => mesh.close());
    await mesh.ready(['users']);
    const failed = new Promise<string>((resolve) => mesh.on('registryFailed', ({ error }) => resolve(String(error))));
    zooKeeper.server.freeze();
    assert.match(await failed, /did not answer within 500 ms/);
    assert.equal((await mesh.fetch('http://users/')).status, 200);
    const recovered = new Promise((resolve) => mesh.on('registryRecovered', resolve));
    zooKeeper.server.thaw();
    await recovered;
    assert.equal((await mesh.fetch('http://users/')).status, 200);
  });

  test('survives the loss of the leader of three', async (t) => {
    const zooKeeper = await started(t, { members: 3 });
    const source = sourceOf(t, { servers: zooKeeper.servers, sessionTimeoutMs: 10_000 });
    const { sink, host } = watching(t, source, 'users');
    const lease = await source.announce?.({ service: 'users', url: 'http://127.0.0.1:9000', id: 'mine' }, host);
    await listed(sink, 'mine');
    await (await zooKeeper.leader()).kill();
    const others = await Hands.connect(zooKeeper.servers);
    t.after(() => others.leave());
    await others.write('/services/users/b', entry('users', 'b'));
    await eventually(async () => sink.ids.join() === 'b,mine', 'the change after the election');
    // Another member may be a moment behind.
    const has = async (names: string) => [...(await others.children('/services/users'))].sort().join() === names;
    await eventually(() => has('b,mine'), 'both instances, once each');
    await lease?.close();
    await eventually(() => has('b'), 'the end of the announcement');
  });
});
