import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { until } from '../../discovery/recording-sink.js';
import { base64, type Etcd, startEtcd } from '../servers/etcd.js';
import { Network } from '../support/network.js';
import { failuresOf, snapshotsOf, sourceInTest } from './source-in-test.js';
import { BROKEN } from './under-test.js';

let etcd: Etcd;
before(async () => {
  etcd = await startEtcd();
});
after(() => etcd.stop());

const key = (service: string, id: string) => base64(`services/${service}/${id}`);
const put = (service: string, id: string, address = '10.0.0.1:80', Metadata: unknown = null) =>
  etcd.call('kv/put', { key: key(service, id), value: base64(JSON.stringify({ Op: 0, Addr: address, Metadata })) });
const remove = (service: string, id: string) => etcd.call('kv/deleterange', { key: key(service, id) });

async function revision(): Promise<number> {
  const { header } = (await etcd.call('kv/range', { key: base64('x') })) as { header: { revision: string } };
  return Number(header.revision);
}

async function throughNetwork(test: TestContext): Promise<{ network: Network; endpoint: string }> {
  const network = await Network.to(etcd.server.address);
  test.after(() => network.close());
  return { network, endpoint: `http://${network.address}` };
}

describe('a service in etcd', () => {
  it('is listed over several pages, all of one moment, and then followed change by change', async (test) => {
    const ids = Array.from({ length: 1_203 }, (_, index) => `i-${String(index).padStart(4, '0')}`);
    for (let start = 0; start < ids.length; start += 100) {
      const part = ids.slice(start, start + 100);
      await etcd.call('kv/txn', {
        success: part.map((id, index) => ({
          request_put: { key: key('pages', id), value: base64(`{"Op":0,"Addr":"10.0.${start / 100}.${index}:80"}`) },
        })),
      });
    }
    const sink = sourceInTest(test, { endpoints: etcd.endpoints }).watch('pages');
    await until(() => sink.list.size === ids.length, 'the whole list');
    assert.deepEqual(sink.ids, ids);
    assert.deepEqual(sink.said[0], { kind: 'snapshot', live: false });
    await put('pages', 'i-0007', '10.7.7.7:80');
    await put('pages', 'new');
    await remove('pages', 'i-0008');
    await until(() => sink.list.has('new') && !sink.list.has('i-0008'), 'the changes');
    assert.deepEqual(sink.list.get('i-0007'), {
      id: 'i-0007',
      url: 'http://10.7.7.7:80',
      weight: undefined,
      zone: undefined,
      metadata: undefined,
    });
    assert.equal(snapshotsOf(sink), 1);
    const patches = sink.said.filter(({ kind }) => kind === 'patch');
    assert.equal(
      patches.reduce((sum, { upsert = 0, remove: removed = [] }) => sum + upsert + removed.length, 0),
      3,
    );
  });

  it('is not mixed with one whose name it begins with', async (test) => {
    await put('user', 'a');
    await put('users', 'b');
    const { watch } = sourceInTest(test, { endpoints: etcd.endpoints });
    const [user, users] = [watch('user'), watch('users')];
    await until(() => user.list.size > 0 && users.list.size > 0, 'both lists');
    await put('users', 'c');
    await until(() => users.list.size === 2, 'the change');
    assert.deepEqual([user.ids, users.ids], [['a'], ['b', 'c']]);
  });

  it('has an empty list while nobody is in it, and gets its first instance by the watch', async (test) => {
    const sink = sourceInTest(test, { endpoints: etcd.endpoints }).watch('nobody');
    await until(() => sink.said.length > 0, 'the empty list');
    await put('nobody', 'somebody');
    await until(() => sink.list.has('somebody'), 'the first instance');
    assert.deepEqual(sink.said[0], { kind: 'snapshot', live: false });
  });

  it('goes without the entries that nobody can use, each of which is named once', async (test) => {
    await put('hostile', 'good');
    for (const [id, value] of Object.entries(BROKEN)) await etcd.call('kv/put', { key: key('hostile', id), value: base64(value) });
    const { watch, host } = sourceInTest(test, { endpoints: etcd.endpoints });
    const sink = watch('hostile');
    await until(() => sink.list.has('good'), 'the list');
    const reported = host.skippedEntries.map(({ entry }) => entry);
    assert.equal(new Set(reported).size, reported.length);
    for (const id of ['cut-off', 'no-json', 'no-port', 'no-address', 'address-of-wrong-type', 'list', 'huge', 'prototype']) {
      assert.ok(reported.includes(`services/hostile/${id}`), id);
    }
    // Live as well: one that breaks leaves the list, is named once, and is back when it is mended.
    await etcd.call('kv/put', { key: key('hostile', 'good'), value: base64('{') });
    await until(() => !sink.list.has('good'), 'the removal');
    await put('hostile', 'good', '10.0.0.2:80');
    await until(() => sink.list.has('good'), 'the return');
    assert.equal(host.skippedEntries.filter(({ entry }) => entry === 'services/hostile/good').length, 1);
    assert.deepEqual(failuresOf(sink), []);
  });

  it('is followed from where the connection broke, without a new list', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    await put('resumed', 'a');
    await put('resumed', 'b');
    const sink = sourceInTest(test, { endpoints: endpoint }).watch('resumed');
    await until(() => sink.list.size === 2, 'the list');
    network.turn('refusing');
    await until(() => failuresOf(sink).length > 1, 'failures');
    await remove('resumed', 'a');
    await put('resumed', 'c');
    network.turn('open');
    await until(() => sink.list.has('c') && !sink.list.has('a'), 'what was missed');
    assert.equal(snapshotsOf(sink), 1);
  });

  it('loses exactly what was deleted while its history was compacted', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    for (const id of ['a', 'b', 'c']) await put('compacted', id);
    const sink = sourceInTest(test, { endpoints: endpoint }).watch('compacted');
    await until(() => sink.list.size === 3, 'the list');
    network.turn('refusing');
    await remove('compacted', 'a');
    await remove('compacted', 'b');
    await put('compacted', 'd');
    await etcd.call('kv/compaction', { revision: await revision(), physical: true });
    network.turn('open');
    await until(() => sink.list.has('d'), 'the list after the compaction');
    assert.deepEqual(sink.ids, ['c', 'd']);
    // What is missing is proved to have been deleted, so it is removed as if it had been seen.
    assert.equal(snapshotsOf(sink), 1);
    await put('compacted', 'e');
    await until(() => sink.list.has('e'), 'the watch after the compaction');
  });

  it('needs no new list after a compaction of what etcd has said was seen', async (test) => {
    const own = await startEtcd({ flags: ['--experimental-watch-progress-notify-interval=100ms'] });
    const network = await Network.to(own.server.address);
    test.after(async () => {
      network.close();
      await own.stop();
    });
    const enter = (name: string) => own.call('kv/put', { key: base64(name), value: base64('{"Op":0,"Addr":"10.0.0.1:80"}') });
    await enter('services/quiet/a');
    const sink = sourceInTest(test, { endpoints: `http://${network.address}` }).watch('quiet');
    await until(() => sink.list.size === 1 && network.requests === 2, 'the list');
    const last = Number(((await enter('elsewhere')) as { header: { revision: string } }).header.revision);
    // Nothing happens to the service, so whatever comes is a notification of progress. The second one is of the time after the write.
    for (let notes = 0; notes < 2; notes++) {
      const before = network.answered;
      await until(() => network.answered > before, 'a notification');
    }
    network.turn('refusing');
    await own.call('kv/compaction', { revision: last, physical: true });
    const requests = network.requests;
    network.turn('open');
    await until(() => network.requests >= requests + 2, 'the question whether to go on, and the watch');
    await enter('services/quiet/b');
    await until(() => sink.list.size === 2, 'the change');
    assert.equal(network.requests, requests + 2);
  });

  it('survives a compaction that comes between its list and its watch', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    for (const id of ['a', 'b']) await put('overtaken', id);
    network.silentOn('POST /v3/watch ');
    const sink = sourceInTest(test, { endpoints: endpoint }).watch('overtaken');
    await until(() => sink.list.size === 2 && network.state === 'silent', 'the list, and a watch on its way');
    await remove('overtaken', 'a');
    await put('overtaken', 'c');
    await etcd.call('kv/compaction', { revision: await revision(), physical: true });
    network.resume();
    await until(() => sink.list.has('c') && !sink.list.has('a'), 'everything');
    await put('overtaken', 'd');
    await until(() => sink.list.has('d'), 'a live change');
    assert.deepEqual(sink.ids, ['b', 'c', 'd']);
    assert.deepEqual(failuresOf(sink), []);
  });

  it('is not believed to be empty when etcd comes back without its data', async (test) => {
    const own = await startEtcd();
    test.after(() => own.stop());
    const enter = (id: string) => own.call('kv/put', { key: key('lost', id), value: base64('{"Op":0,"Addr":"10.0.0.1:80"}') });
    for (const id of ['a', 'b', 'c']) await enter(id);
    const sink = sourceInTest(test, { endpoints: own.endpoints }).watch('lost');
    await until(() => sink.list.size === 3, 'the list');
    await own.restart({ empty: true });
    await until(() => snapshotsOf(sink) === 2, 'the empty list');
    // A list that was asked for: the mesh holds its removals back.
    assert.deepEqual(sink.said.filter(({ kind }) => kind === 'snapshot').at(-1), { kind: 'snapshot', live: false });
    assert.equal(sink.list.size, 0);
    await enter('a');
    await until(() => sink.list.has('a'), 'the instance that is entered anew');
  });

  it('is not believed to have shrunk when etcd comes back with other data at higher revisions', async (test) => {
    const own = await startEtcd();
    test.after(() => own.stop());
    const network = await Network.to(own.server.address);
    test.after(() => network.close());
    const enter = (id: string) => own.call('kv/put', { key: key('replaced', id), value: base64('{"Op":0,"Addr":"10.0.0.1:80"}') });
    for (const id of ['a', 'b', 'c']) await enter(id);
    const sink = sourceInTest(test, { endpoints: `http://${network.address}` }).watch('replaced');
    await until(() => sink.list.size === 3, 'the list');
    network.turn('refusing');
    await own.restart({ empty: true });
    for (let index = 0; index < 10; index++) await enter('z');
    network.turn('open');
    await until(() => sink.list.has('z'), 'the other data');
    assert.equal(snapshotsOf(sink), 2);
    assert.deepEqual(sink.ids, ['z']);
  });

  it('goes on by the watch when etcd restarts with its data', async (test) => {
    const own = await startEtcd();
    test.after(() => own.stop());
    const enter = (id: string) => own.call('kv/put', { key: key('kept', id), value: base64('{"Op":0,"Addr":"10.0.0.1:80"}') });
    await enter('a');
    const sink = sourceInTest(test, { endpoints: own.endpoints }).watch('kept');
    await until(() => sink.list.size === 1, 'the list');
    await own.restart();
    await enter('b');
    await until(() => sink.list.size === 2, 'the change');
    assert.equal(snapshotsOf(sink), 1);
  });

  it('is asked of a network that has gone dead without a word, and followed again when it is back', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    const sink = sourceInTest(test, { endpoints: endpoint, livenessMs: 300, requestTimeoutMs: 300 }).watch('dead');
    await until(() => sink.said.length > 0, 'the list');
    await put('dead', 'a');
    await until(() => sink.list.size === 1 && sink.said.length > 2, 'the watch');
    network.turn('silent');
    await until(() => failuresOf(sink).length > 0, 'the failure');
    assert.match(failuresOf(sink)[0] ?? '', /^etcd at http:\/\/127\.0\.0\.1:\d+ did not answer POST \/v3\/kv\/range within 300 ms: /);
    await put('dead', 'b');
    network.resume();
    await until(() => sink.list.size === 2, 'the change');
  });

  it('costs one request for each time of silence, however many services are watched', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    const livenessMs = 200;
    const { watch } = sourceInTest(test, { endpoints: endpoint, livenessMs });
    const sinks = ['one', 'two', 'three', 'four'].map(watch);
    await until(() => sinks.every(({ said }) => said.length > 0) && network.requests === 8, 'four lists and four watches');
    const startedMs = performance.now();
    await until(() => network.requests >= 13, 'five more requests');
    assert.ok(performance.now() - startedMs > 4 * livenessMs);
    assert.deepEqual(sinks.flatMap(failuresOf), []);
  });

  it('is let go of when the source is closed, with all of its connections', async (test) => {
    const { network, endpoint } = await throughNetwork(test);
    const { discovery, watch } = sourceInTest(test, { endpoints: endpoint });
    const sink = watch('closed');
    await until(() => sink.said.length > 0, 'the list');
    await put('closed', 'a');
    await until(() => sink.list.size === 1, 'a change');
    await discovery.close?.();
    await until(() => network.open === 0, 'the end of all connections');
    await put('closed', 'b');
    assert.equal(sink.list.size, 1);
  });
});
