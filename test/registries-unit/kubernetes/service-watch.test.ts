import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type KubernetesDiscoveryOptions, kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { RecordingSink, temporaryFolder, until } from '../../discovery/recording-sink.js';
import { TestHost } from '../../discovery/scripted-source.js';
import { ScriptedApiServer } from './scripted-api-server.js';
import { endpoint, slice } from './slices.js';

const STEP_MS = 10;
const LONGEST_WAIT_MS = 5_000;
const LONGEST_WATCH_MS = 600_000;

const a = slice('a', [endpoint('10.0.0.1', 'u1')]);
const b = slice('b', [endpoint('10.0.0.2', 'u2')]);
const c = slice('c', [endpoint('10.0.0.3', 'u3')]);

/** A service that is watched on a scripted server: the network is real, time is not. */
async function watched(test: TestContext, options: KubernetesDiscoveryOptions = {}) {
  const server = await ScriptedApiServer.start(test);
  const clock = new VirtualClock();
  const host = new TestHost(clock, { next: () => 0.999 });
  const sink = new RecordingSink();
  const discovery = kubernetesDiscovery({ server: server.address, namespace: 'default', livenessMs: 30_000, ...options });
  const stop = discovery.watch('users', sink, host);
  test.after(() => {
    stop();
    return discovery.close?.();
  });
  const failures = () => sink.said.flatMap(({ kind, error }) => (kind === 'failed' ? [String(error)] : []));
  const kinds = () => sink.said.map(({ kind }) => kind).join(' ');
  /** Lets time pass until the next request comes. Returns how much of it did, at most a step too much. */
  const wait = async (): Promise<number> => {
    const { requests } = server;
    for (let ms = 0; ms < LONGEST_WAIT_MS; ms += STEP_MS) {
      if (server.requests > requests) return ms;
      await clock.advance(STEP_MS);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return assert.fail('no request came');
  };
  return { server, clock, sink, stop, failures, kinds, wait };
}

/** The same, listed and with an open watch. */
async function following(test: TestContext, items: readonly unknown[] = [a, b], version = '10') {
  const under = await watched(test);
  (await under.server.next()).list(version, items);
  const watch = (await under.server.next()).accept();
  assert.equal(watch.version, version);
  await until(() => under.kinds() === 'snapshot patch', 'the list and the watch');
  return { ...under, watch };
}

describe('the watch of a service', () => {
  it('puts the pages of a list together into one', async (test) => {
    const { server, sink } = await watched(test);
    const first = await server.next();
    assert.equal(first.query.get('labelSelector'), 'kubernetes.io/service-name=users');
    assert.equal(first.query.get('limit'), '500');
    first.list('7', [a], 'more');
    const second = await server.next();
    assert.equal(second.query.get('continue'), 'more');
    second.list('7', [b]);
    const watch = await server.next();
    assert.deepEqual([watch.version, watch.query.get('allowWatchBookmarks')], ['7', 'true']);
    assert.deepEqual(sink.ids, ['u1', 'u2']);
    assert.equal(sink.said.length, 1);
  });

  it('says once that nobody knows the service, and does not take that back until it has a slice', async (test) => {
    const { server, sink, kinds, failures } = await watched(test);
    (await server.next()).list('7', []);
    const watch = (await server.next()).accept();
    watch.bookmark('9').event('ADDED', a);
    await until(() => sink.ids.join() === 'u1', 'the first slice');
    assert.equal(kinds(), 'failed patch');
    assert.match(failures().join(), /knows no service/);
    watch.bookmark('11');
    await until(() => kinds() === 'failed patch patch', 'a sign of life');
  });

  it('begins a list anew whose next page is gone', async (test) => {
    const { server, sink, failures, wait } = await watched(test);
    (await server.next()).list('7', [a], 'more');
    (await server.next()).refuse(410, 'The provided continue parameter is too old');
    await wait();
    const again = await server.next();
    assert.equal(again.query.get('continue'), null);
    again.list('9', [b]);
    assert.equal((await server.next()).version, '9');
    assert.deepEqual([sink.ids, failures()], [['u2'], []]);
  });

  it('goes on from its last bookmark when the server ends a watch in order', async (test) => {
    const { server, sink, watch, wait } = await following(test);
    watch
      .event('MODIFIED', { ...c, metadata: { ...(c.metadata as object), resourceVersion: '12' } })
      .bookmark('15')
      .end();
    await wait();
    const next = (await server.next()).accept();
    assert.deepEqual([next.isWatch, next.version], [true, '15']);
    next.event('DELETED', a);
    await until(() => sink.ids.join() === 'u2,u3', 'the change');
    assert.equal(sink.said.filter(({ kind }) => kind === 'snapshot').length, 1);
  });

  it('asks for one slice after a broken connection, and goes on where it was if it knows that one', async (test) => {
    const { server, failures, watch, wait } = await following(test);
    watch.breakOff();
    await wait();
    const check = await server.next();
    assert.equal(check.query.get('limit'), '1');
    check.list('20', [a], 'more');
    const next = await server.next();
    assert.deepEqual([next.isWatch, next.version, failures()], [true, '10', []]);
  });

  it('lists all after a broken connection if the server has another past', async (test) => {
    for (const [version, answer] of [
      ['20', { ...a, metadata: { name: 'a', uid: 'another' } }],
      ['9', a],
    ] as const) {
      const { server, sink, watch, wait } = await following(test);
      watch.breakOff();
      await wait();
      (await server.next()).list(version, [answer], 'more');
      const rest = await server.next();
      assert.deepEqual([rest.query.get('continue'), rest.query.get('limit')], ['more', '500']);
      rest.list(version, [c]);
      assert.equal((await server.next()).version, version);
      assert.deepEqual(sink.ids, ['u1', 'u3']);
    }
  });

  it('forgets a list that failed half-way: the version that it goes on from is that of the last whole one', async (test) => {
    const { server, watch, wait, failures } = await following(test);
    watch.breakOff();
    await wait();
    (await server.next()).list('20', [c], 'more');
    (await server.next()).refuse(500);
    await until(() => failures().length === 1, 'the failure');
    await wait();
    (await server.next()).list('20', [a], 'more');
    assert.equal((await server.next()).version, '10');
  });

  it('lists again, without a failure, where its version is too old or not known yet', async (test) => {
    const ways: ((watch: Awaited<ReturnType<ScriptedApiServer['next']>>) => void)[] = [
      (watch) => watch.accept().event('ERROR', { kind: 'Status', code: 410, message: 'too old resource version: 10 (20)' }),
      (watch) => watch.refuse(410, 'Expired'),
      (watch) => watch.refuse(504, 'Timeout: Too large resource version: 10, current: 5'),
    ];
    for (const way of ways) {
      const { server, sink, failures, wait } = await watched(test);
      (await server.next()).list('10', [a, b]);
      way(await server.next());
      await wait();
      const again = await server.next();
      assert.deepEqual([again.isWatch, again.query.get('limit')], [false, '500']);
      again.list('20', [b]);
      assert.equal((await server.next()).version, '20');
      assert.deepEqual([sink.ids, failures()], [['u2'], []]);
    }
  });

  it('says so when the server ends a watch with an error, or with what is no JSON, and keeps the list', async (test) => {
    for (const [text, expected] of [
      ['{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is gone"}}\n', /ended a watch with 500 \(etcd is gone\)/],
      ['<html>\n', /broke off a watch \(Unexpected token/],
      ['{"type":"ADDED","object":null}\n', /broke off a watch \(an event 'ADDED' about nothing\)/],
    ] as const) {
      const { sink, watch, failures } = await following(test);
      watch.write(text);
      await until(() => failures().length === 1, 'the failure');
      assert.match(failures()[0] ?? '', expected);
      assert.deepEqual(sink.ids, ['u1', 'u2']);
    }
  });

  it('does not ask in a loop a server that ends every watch at once', async (test) => {
    const { server, watch, wait } = await following(test);
    watch.end();
    // The session that listed was a good one.
    for (const leastMs of [0, 99, 199, 399]) {
      assert.ok((await wait()) >= leastMs);
      (await server.next()).accept().end();
    }
  });

  it('ends by itself a watch that the server keeps open for much longer than it should', async (test) => {
    const { server, watch, clock } = await following(test);
    const seconds = Number(watch.query.get('timeoutSeconds'));
    assert.ok(seconds >= 300 && seconds <= 600);
    // Step by step, so that the signs of life that are asked for meanwhile can come.
    for (let ms = 0; ms < LONGEST_WATCH_MS + 60_000; ms += 1_000) {
      await clock.advance(1_000);
      if (ms % 10_000 === 0) watch.bookmark('11');
      if (server.requests > 2) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const next = await server.next();
    assert.equal(next.isWatch || next.query.get('limit') === '1', true);
  });

  it('reads its token again when it is refused, and says nothing if the new one is good', async (test) => {
    const tokenFile = join(temporaryFolder(test), 'token');
    writeFileSync(tokenFile, 'old\n');
    const { server, sink, failures } = await watched(test, { tokenFile });
    const first = await server.next();
    assert.equal(first.request.headers.authorization, 'Bearer old');
    writeFileSync(tokenFile, 'new\n');
    first.refuse(401, 'Unauthorized');
    const second = await server.next();
    assert.equal(second.request.headers.authorization, 'Bearer new');
    second.list('1', [a]);
    await until(() => sink.list.size === 1, 'the list');
    assert.deepEqual(failures(), []);
  });

  it('is silent after its end, and lets go of its connections and timers', async (test) => {
    const { server, sink, stop, watch, clock } = await following(test);
    const said = sink.said.length;
    const closed = new Promise((resolve) => watch.request.socket.once('close', resolve));
    stop();
    await closed;
    await until(() => clock.pendingTimers === 0, 'the end of all timers');
    assert.deepEqual([sink.said.length, server.requests], [said, 2]);
    const { server: other, stop: stopOther, kinds } = await watched(test);
    const list = await other.next();
    stopOther();
    list.list('1', [a]);
    await new Promise((resolve) => list.request.socket.once('close', resolve));
    assert.equal(kinds(), '');
  });
});
