import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import zooKeeperPackage from 'node-zookeeper-client';
import { createMesh, UnknownServiceError } from '../../../src/index.js';
import { RegistryError } from '../../../src/registries/zookeeper/index.js';
import { until } from '../../discovery/recording-sink.js';
import { TEST_ONLY_CA, TEST_ONLY_LOOPBACK } from '../../support/tls/test-only-certificates.js';
import { startZooKeeper, type ZooKeeper } from '../servers/zookeeper.js';
import { Network } from '../support/network.js';
import { curatorData, Hands } from './hands.js';
import { serveReplicas } from './replicas.js';
import { brokenEntries } from './under-test.js';
import { listed, sourceOf, watching } from './watching.js';

describe('zookeeperDiscovery on a real server', () => {
  let zooKeeper: ZooKeeper;
  let hands: Hands;
  before(async () => {
    zooKeeper = await startZooKeeper();
    hands = await Hands.connect(zooKeeper.servers);
  });
  after(async () => {
    await hands?.close();
    await zooKeeper?.stop();
  });
  const enter = (service: string, id: string, url = 'http://127.0.0.1:8080', rest: object = {}) =>
    hands.write(hands.nodeOf(service, id), curatorData(service, { id, url, ...rest }));

  test('gives the list in one piece, and then each change by itself', async (t) => {
    for (const id of ['a', 'b', 'c']) await enter('changes', id);
    const { sink } = watching(t, sourceOf(t, { servers: zooKeeper.servers }), 'changes');
    await listed(sink, 'a', 'b', 'c');
    assert.deepEqual(sink.said, [{ kind: 'snapshot', live: false }]);
    await enter('changes', 'd');
    await listed(sink, 'a', 'b', 'c', 'd');
    await enter('changes', 'b', 'http://127.0.0.1:9090', { weight: 4 });
    await until(() => JSON.stringify(sink.list.get('b')).includes('9090'), 'the new address');
    await hands.delete(hands.nodeOf('changes', 'a'));
    await listed(sink, 'b', 'c', 'd');
    assert.deepEqual(
      sink.said.slice(1).map(({ kind, upsert, remove }) => [kind, upsert, remove?.length]),
      [
        ['patch', 1, 0],
        ['patch', 1, 0],
        ['patch', 0, 1],
      ],
    );
  });

  test('says that a service is unknown, and finds it when somebody makes it', async (t) => {
    const { sink } = watching(t, sourceOf(t, { servers: zooKeeper.servers }), 'later');
    await until(() => sink.last?.error instanceof UnknownServiceError, 'the answer');
    await hands.makeFolder('/services/later');
    await until(() => sink.last?.kind === 'snapshot', 'the empty list');
    await enter('later', 'a');
    await listed(sink, 'a');
    await hands.delete(hands.nodeOf('later', 'a'));
    await hands.delete('/services/later');
    await until(() => sink.last?.error instanceof UnknownServiceError, 'the answer after its end');
    assert.deepEqual(sink.ids, []);
    await enter('later', 'b');
    await listed(sink, 'b');
  });

  test('leaves out what cannot be called, names each once, and calls the rest', async (t) => {
    const entries = brokenEntries('hostile');
    await hands.writeNew('/services/hostile', entries);
    const replicas = await serveReplicas(t, 1);
    await enter('hostile', 'good', replicas[0]?.url);
    const skipped: string[] = [];
    const mesh = createMesh({ discovery: sourceOf(t, { servers: zooKeeper.servers }) });
    t.after(() => mesh.close());
    mesh.on('instanceSkipped', ({ entry, reason }) => skipped.push(`${entry}: ${reason}`));
    await mesh.ready(['hostile']);
    assert.equal((await mesh.fetch('http://hostile/')).status, 200);
    assert.equal(skipped.length, entries.length, skipped.join('\n'));
    assert.equal(new Set(skipped).size, entries.length);
    // A change elsewhere in the list repeats none of it.
    await enter('hostile', 'other', replicas[0]?.url);
    await mesh.ready(['hostile'], { minEndpoints: 2 });
    assert.equal(skipped.length, entries.length);
  });

  test('finds services below a chroot, and in another base path', async (t) => {
    await hands.write('/prod/registry/users/a', curatorData('users', { id: 'a', url: 'http://127.0.0.1:1' }));
    const { sink } = watching(t, sourceOf(t, { servers: `${zooKeeper.servers}/prod`, basePath: '/registry' }), 'users');
    await listed(sink, 'a');
  });

  test('works with a server of the list that is down', async (t) => {
    await enter('several', 'a');
    for (let time = 0; time < 3; time++) {
      const { sink } = watching(t, sourceOf(t, { servers: ['127.0.0.1:1', zooKeeper.servers, '[::1]:1'] }), 'several');
      await listed(sink, 'a');
    }
  });

  test('says which permission is missing where, and reads with the credentials that have it', async (t) => {
    const { ACL, Id, Permission } = zooKeeperPackage;
    await enter('guarded', 'a');
    const owner = await Hands.connect(zooKeeper.servers);
    t.after(() => owner.close());
    owner.client.addAuthInfo('digest', Buffer.from('reader:secret'));
    const acl = [new ACL(Permission.ALL, new Id('auth', ''))];
    for (const path of [hands.nodeOf('guarded', 'a'), '/services/guarded'])
      await owner.call((done) => owner.client.setACL(path, acl, done));

    const refused = watching(t, sourceOf(t, { servers: zooKeeper.servers }), 'guarded');
    await until(() => refused.sink.last?.kind === 'failed', 'the refusal');
    const { error } = refused.sink.last ?? {};
    assert.ok(error instanceof RegistryError);
    assert.equal(
      error.message,
      `zookeeper at ${zooKeeper.servers} answered NO_AUTH to getChildren /services/guarded: set auth to credentials that have READ there`,
    );
    const auth = { scheme: 'digest', credentials: 'reader:secret' };
    const allowed = watching(t, sourceOf(t, { servers: zooKeeper.servers, auth }), 'guarded');
    await listed(allowed.sink, 'a');
    const wrong = watching(t, sourceOf(t, { servers: zooKeeper.servers, auth: { scheme: 'nonsense', credentials: 'x' } }), 'guarded');
    await until(() => /refused the credentials: set auth/.test(String(wrong.sink.last?.error)), 'the refusal of the scheme');
    // The others see it as soon as they may, although no watch can tell them.
    for (const path of ['/services/guarded', hands.nodeOf('guarded', 'a')]) {
      await owner.call((done) => owner.client.setACL(path, [new ACL(Permission.ALL, new Id('world', 'anyone'))], done));
    }
    await listed(refused.sink, 'a');
  });

  test('one instance that may not be read hides no other', async (t) => {
    const { ACL, Id, Permission } = zooKeeperPackage;
    await enter('partly', 'seen');
    await enter('partly', 'hidden');
    const nobody = [new ACL(Permission.ADMIN, new Id('world', 'anyone'))];
    await hands.call((done) => hands.client.setACL(hands.nodeOf('partly', 'hidden'), nobody, done));
    const { sink, host } = watching(t, sourceOf(t, { servers: zooKeeper.servers }), 'partly');
    await listed(sink, 'seen');
    await host.reported(/skipped partly \/services\/partly\/hidden: .*NO_AUTH.*READ/);
  });

  test('speaks TLS with a server that does, and says so when it cannot trust it', async (t) => {
    await enter('secure', 'a');
    const { cert, key } = TEST_ONLY_LOOPBACK;
    const port = Number(zooKeeper.servers.split(':')[1]);
    const secure = createTlsServer({ cert, key }, (socket) => {
      const onward = connect(port, '127.0.0.1');
      socket.pipe(onward).pipe(socket);
      for (const each of [socket, onward]) each.on('error', () => each.destroy());
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    t.after(() => secure.close());
    const address = secure.address();
    assert.ok(address !== null && typeof address === 'object');
    const servers = `127.0.0.1:${address.port}`;
    const trusting = watching(t, sourceOf(t, { servers, tls: { ca: TEST_ONLY_CA, servername: 'localhost' } }), 'secure');
    await listed(trusting.sink, 'a');
    const doubting = watching(t, sourceOf(t, { servers, tls: { servername: 'localhost' } }), 'secure');
    await until(() => /could not be reached \(.*certificate/.test(String(doubting.sink.last?.error)), 'the refusal');
  });

  test('one connection serves all services of a source, and nothing is left of it after the last', async (t) => {
    const network = await Network.to(zooKeeper.servers);
    t.after(() => network.close());
    const source = sourceOf(t, { servers: network.address });
    await enter('one', 'a');
    await enter('two', 'b');
    const one = watching(t, source, 'one');
    const two = watching(t, source, 'two');
    await listed(one.sink, 'a');
    await listed(two.sink, 'b');
    assert.equal(network.connections, 1);
    one.stop();
    two.stop();
    await until(() => network.open === 0, 'the end of the connection');
    const again = watching(t, source, 'one');
    await listed(again.sink, 'a');
    assert.equal(network.connections, 2);
    assert.equal(one.sink.said.length, 1, 'nothing is heard after the stop');
  });
});
