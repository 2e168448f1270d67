import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createMesh, MeshError } from '../../../src/index.js';
import type { EurekaDiscoveryOptions } from '../../../src/registries/eureka/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';
import { signalled } from '../../integration/support/waiting.js';
import { eventually } from '../servers/eventually.js';
import { brokenEntries, nativeEntry } from './entries.js';
import { startProxy } from './proxy.js';
import { type EurekaUnderTest, startEurekaUnderTest } from './under-test.js';
import { RealHost } from './watching.js';

const SHORT_WINDOW = {
  'eureka.server.retention-time-in-m-s-in-delta-queue': 1,
  'eureka.server.delta-retention-timer-interval-in-ms': 20,
};

describe('services in a real Eureka', () => {
  let registry: EurekaUnderTest;
  before(async () => {
    registry = await startEurekaUnderTest();
  });
  after(() => registry?.stop());

  function watch(test: TestContext, services: readonly string[], options: EurekaDiscoveryOptions = {}) {
    const discovery = registry.source(options);
    const host = new RealHost();
    const sinks = services.map((service) => {
      const sink = new RecordingSink();
      test.after(discovery.watch(service, sink, host));
      return sink;
    });
    return { discovery, host, sinks, sink: sinks[0] as RecordingSink };
  }

  const put = (service: string, id: string, url = `http://127.0.0.1:8080`) => registry.put(service, { id, url });
  const setStatus = (service: string, id: string, status: string) =>
    registry.eureka.call(`/apps/${service.toUpperCase()}/${id}/status?value=${status}`, { method: 'PUT' });

  it('are told as one list, and then change by change', async (test) => {
    await put('orders', 'a', 'http://10.0.0.1:8080');
    await put('orders', 'b', 'https://10.0.0.2:8443/api');
    const { sink } = watch(test, ['orders']);
    await eventually('the first list', () => sink.list.size === 2);
    assert.equal(sink.said[0]?.kind, 'snapshot');
    assert.equal(Object(sink.list.get('b')).url, 'https://10.0.0.2:8443/api');

    const said = sink.said.length;
    await put('orders', 'c');
    await eventually('one more', () => sink.list.size === 3);
    await registry.remove('orders', 'a');
    await eventually('one less', () => !sink.list.has('a'));
    await put('orders', 'c', 'http://127.0.0.1:9090');
    await eventually('one that moved', () => Object(sink.list.get('c')).url === 'http://127.0.0.1:9090');
    const news = sink.said.slice(said);
    assert.deepEqual(
      news.filter(({ kind }) => kind !== 'patch'),
      [],
      'no list comes again',
    );
    assert.equal(
      news.reduce((sum, { upsert = 0, remove = [] }) => sum + upsert + remove.length, 0),
      3,
      'each change is told once, although the window shows it again and again',
    );
  });

  it('have only instances that are up, and that no operator has shut', async (test) => {
    await put('shut', 'a');
    await put('shut', 'b');
    await registry.putEntry('shut', nativeEntry('shut', { id: 'starting', url: 'http://127.0.0.1:1' }, { status: 'STARTING' }));
    const { sink, host } = watch(test, ['shut']);
    await eventually('those that are up', () => sink.list.size === 2);
    await setStatus('shut', 'a', 'OUT_OF_SERVICE');
    await eventually('one is shut', () => !sink.list.has('a'));
    await registry.eureka.call('/apps/SHUT/a/status?value=UP', { method: 'DELETE' });
    await eventually('it is opened again', () => sink.list.has('a'));
    await setStatus('shut', 'starting', 'UP');
    await eventually('the third has started', () => sink.list.has('starting'));
    assert.deepEqual(host.skippedEntries, []);
  });

  it('lose an instance whose lease has run out', async (test) => {
    await put('leases', 'stays');
    const leaseInfo = { renewalIntervalInSecs: 1, durationInSecs: 1 };
    await registry.putEntry('leases', nativeEntry('leases', { id: 'dies', url: 'http://127.0.0.1:1' }, { leaseInfo }));
    const { sink } = watch(test, ['leases']);
    await eventually('both', () => sink.list.size === 2);
    await eventually('the one that stays', () => sink.ids.join() === 'stays');
  });

  it('share one request, whatever their number, and are told apart without regard to case', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    const names = ['Share-1', 'SHARE-2', 'share-3'];
    for (const name of names) await put(name, `${name}-a`);
    await eventually('the server shows them', async () => (await registry.entries('share-3')).length === 1);
    const { sinks } = watch(test, ['share-1', 'Share-2', 'SHARE-3'], { servers: proxy.url });
    await eventually('all lists', () => sinks.every((sink) => sink.list.size === 1));
    const rounds = () => proxy.seen.filter((line) => line === 'GET /apps/delta').length;
    await eventually('some rounds', () => rounds() >= 3);
    assert.deepEqual(
      proxy.seen.filter((line) => line !== 'GET /apps/delta'),
      ['GET /apps'],
    );
  });

  it('that are asked for later are served from the table, or asked for by themselves', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    await put('early', 'a');
    await eventually('the server shows it', async () => (await registry.entries('early')).length === 1);
    const { discovery, host, sink } = watch(test, ['early'], { servers: proxy.url, fetchMs: 60_000 });
    await eventually('the first list', () => sink.list.size === 1);
    const late = (service: string): RecordingSink => {
      const other = new RecordingSink();
      test.after(discovery.watch(service, other, host));
      return other;
    };
    assert.equal(late('EARLY').list.size, 1, 'at once');
    await put('late', 'b');
    const other = late('late');
    await eventually('its own list', () => other.list.size === 1);
    assert.deepEqual(proxy.seen, ['GET /apps', 'GET /apps/LATE']);
    const nobody = late('nobody');
    await eventually('an answer', () => nobody.last !== undefined);
    assert.ok(nobody.last?.error instanceof MeshError && nobody.last.error.code === 'ERR_MESH_UNKNOWN_SERVICE');
  });

  it('that nobody knew are told as soon as they are there', async (test) => {
    const { sink } = watch(test, ['new']);
    await eventually('the registry does not know it', () => sink.last?.kind === 'failed');
    await put('new', 'a');
    await eventually('it is there', () => sink.list.size === 1);
  });

  it('may be VIP addresses', async (test) => {
    const changes = { vipAddress: 'people,users-vip', secureVipAddress: 'secure-vip', securePort: { $: 8443, '@enabled': 'true' } };
    await registry.putEntry('vip-app', nativeEntry('vip-app', { id: 'a', url: 'http://127.0.0.1:8080' }, changes));
    await eventually('the server shows it', async () => (await registry.entries('vip-app')).length === 1);
    const [plain, secure] = [
      watch(test, ['USERS-vip', 'vip-app'], { by: 'vip' }),
      watch(test, ['secure-vip'], { by: 'vip', preferSecure: true }),
    ];
    await eventually('both lists', () => plain.sink.list.size === 1 && secure.sink.list.size === 1);
    assert.equal(Object(plain.sink.list.get('a')).url, 'http://127.0.0.1:8080');
    assert.equal(Object(secure.sink.list.get('a')).url, 'https://127.0.0.1:8443');
    await eventually('an answer', () => plain.sinks[1]?.last?.kind === 'failed');
    await registry.putEntry('vip-app', nativeEntry('vip-app', { id: 'late', url: 'http://127.0.0.1:1' }, { vipAddress: 'late-vip' }));
    const late = watch(test, ['late-vip'], { by: 'vip' });
    await eventually('a list for the late one', () => late.sink.list.size === 1);
  });

  it('are served without their broken entries, each of which is reported once', async (test) => {
    const count = await registry.putBroken('broken');
    await put('broken', 'good');
    const skipped: string[] = [];
    const mesh = createMesh({ discovery: registry.source() });
    test.after(() => mesh.close());
    mesh.on('instanceSkipped', ({ entry, reason }) => skipped.push(`${entry}: ${reason}`));
    await mesh.ready(['broken']);
    await put('broken', 'second', 'http://127.0.0.1:8081');
    const ids = () => mesh.inspect().services.broken?.endpoints.map(({ id }) => id);
    await eventually('some rounds', () => ids()?.length === 2);
    assert.deepEqual(ids()?.sort(), ['good', 'second']);
    assert.equal(count, brokenEntries('x').length);
    assert.equal(skipped.length, count, skipped.join('\n'));
    assert.equal(new Set(skipped).size, count);
  });

  it('are read as a whole where the server has no window of changes', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    proxy.intercept = ({ url = '' }, response) => {
      if (!url.endsWith('/delta')) return false;
      response.writeHead(403).end();
      return true;
    };
    await put('whole', 'a');
    const { sink } = watch(test, ['whole'], { servers: proxy.url });
    await eventually('the first list', () => sink.list.size === 1);
    await put('whole', 'b');
    await eventually('one more', () => sink.list.size === 2);
    await registry.remove('whole', 'a');
    await eventually('one less', () => sink.ids.join() === 'b');
    assert.equal(proxy.seen.filter((line) => line === 'GET /apps/delta').length, 1, 'it is not asked for again');
    assert.equal(sink.said.filter(({ kind }) => kind === 'failed').length, 0);
  });

  it('of a server that breaks off, lies or talks nonsense stay as they were', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    await put('firm', 'a');
    const { sink } = watch(test, ['firm'], { servers: proxy.url, requestTimeoutMs: 400 });
    await eventually('the first list', () => sink.list.size === 1);
    const faults: [(response: import('node:http').ServerResponse) => void, RegExp][] = [
      [
        (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
        /not JSON \(<h1>Sign in<\/h1>\).*\/eureka/,
      ],
      [
        (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"applications":{"application":[{"name":'),
        /broke off/,
      ],
      [
        (response) => response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{'),
        /nothing more came for 400 ms/,
      ],
      [
        (response) => response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('{}'),
        /broke off.*header/,
      ],
      [(response) => response.writeHead(500).end('no\nmemory'), /answered 500 to GET \/apps\S* \(no memory\)/],
      [(response) => response.writeHead(302, { location: '/login' }).end(), /answered 302.*username and password/],
      [(response) => response.writeHead(404).end(), /answered 404 to GET \/apps.*base path/],
      [(response) => response.destroy(), /could not be asked \(socket hang up\)/],
      [() => {}, /did not answer GET \/apps\S* within 400 ms/],
    ];
    for (const [fault, message] of faults) {
      const said = sink.said.length;
      proxy.intercept = (_request, response) => {
        fault(response);
        return true;
      };
      await eventually('a failure', () =>
        sink.said.slice(said).some(({ kind, error }) => kind === 'failed' && message.test(String(error))),
      ).catch(() => assert.fail(`${message}: ${sink.said.slice(said).map(({ error }) => String(error))}`));
      assert.deepEqual(sink.ids, ['a']);
      proxy.intercept = () => false;
      await eventually('the list again', () => sink.last?.kind !== 'failed');
    }
  });

  it('are asked for again after a pause without anybody who watches', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    await put('pause', 'a');
    await eventually('the server shows it', async () => (await registry.entries('pause')).length === 1);
    const discovery = registry.source({ servers: proxy.url });
    const host = new RealHost();
    const first = new RecordingSink();
    const stop = discovery.watch('pause', first, host);
    await eventually('the first list', () => first.list.size === 1);
    stop();
    const seen = proxy.seen.length;
    await put('pause', 'b');
    await eventually('the server shows it', async () => (await registry.entries('pause')).length === 2);
    assert.ok(proxy.seen.length <= seen + 1, 'nothing is asked in a pause');
    const second = new RecordingSink();
    test.after(discovery.watch('pause', second, host));
    await eventually('the new list', () => second.list.size === 2);
  });
});

describe('a real Eureka whose window misses changes, and that asks for a password', () => {
  const basicAuth = { user: 'mesh', password: 'p@ss/word' };
  let registry: EurekaUnderTest;
  before(async () => {
    registry = await startEurekaUnderTest({ basicAuth, settings: SHORT_WINDOW });
  });
  after(() => registry?.stop());

  const put = (id: string, status = 'UP') =>
    registry.eureka.call('/apps/USERS', { body: { instance: nativeEntry('users', { id, url: 'http://127.0.0.1:80' }, { status }) } });

  it('is asked for the whole list when the hash differs, and the mesh hears only of what has changed', async (test) => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await put(id);
    const proxy = await startProxy(test, registry.server.address);
    const sink = new RecordingSink();
    const options = { servers: proxy.url, username: basicAuth.user, password: basicAuth.password, requestTimeoutMs: 60_000 };
    const discovery = registry.source(options);
    test.after(discovery.watch('users', sink, new RealHost()));
    await eventually('the first list', () => sink.list.size === 5);
    const lists = () => proxy.seen.filter((line) => line === 'GET /apps').length;
    const listsBefore = lists();
    const said = sink.said.length;
    // All of it is missed at once: the hash counts statuses, and of changes that cancel out (one up more, one less) it knows nothing.
    const { promise, resolve } = signalled();
    proxy.gate = promise;
    const { length: askedBefore } = proxy.seen;
    await eventually('a request waits', () => proxy.seen.length > askedBefore);
    await put('f', 'DOWN');
    await put('g');
    await registry.eureka.call('/apps/USERS/a', { method: 'DELETE' });
    await eventually('the window is empty again', async () => {
      const { applications } = (await registry.eureka.call('/apps/delta')) as {
        applications: { application: unknown[]; apps__hashcode: string };
      };
      return applications.apps__hashcode === 'DOWN_1_UP_5_' && applications.application.length === 0;
    });
    resolve();
    await eventually('what the window did not have', () => sink.ids.join() === 'b,c,d,e,g');
    assert.ok(lists() > listsBefore);
    const news = sink.said.slice(said);
    assert.ok(
      news.every(({ kind }) => kind === 'patch'),
      'changes, and no list',
    );
    assert.equal(
      news.reduce((sum, { upsert = 0 }) => sum + upsert, 0),
      1,
    );
    // With the list read and the hash right, changes are asked for again.
    const { length } = proxy.seen;
    await eventually('two rounds', () => proxy.seen.length >= length + 2);
    assert.deepEqual(new Set(proxy.seen.slice(-1)), new Set(['GET /apps/delta']));
  });

  it('is doubted when a list has lost most of its instances', async (test) => {
    const ids = ['b', 'c', 'd', 'e', 'g'];
    const proxy = await startProxy(test, registry.server.address);
    const options = { servers: proxy.url, username: basicAuth.user, password: basicAuth.password, requestTimeoutMs: 60_000 };
    const mesh = createMesh({ discovery: registry.source(options), cache: { holdMs: 60_000 } });
    test.after(() => mesh.close());
    await mesh.ready(['users'], { minEndpoints: ids.length });
    const { promise, resolve } = signalled();
    proxy.gate = promise;
    const { length } = proxy.seen;
    await eventually('a request waits', () => proxy.seen.length > length);
    for (const id of ids.slice(1)) await registry.eureka.call(`/apps/USERS/${id}`, { method: 'DELETE' });
    await eventually('the server shows it', async () => (await registry.entries('users')).length === 2);
    resolve();
    const state = () => Object(mesh.inspect().services.users?.discovery).held;
    await eventually('the doubt', () => state() !== undefined);
    assert.deepEqual([state().from, state().to], [ids.length, 1]);
    assert.equal(mesh.inspect().services.users?.endpoints.length, ids.length);
  });

  const refusals: [string, EurekaDiscoveryOptions, RegExp][] = [
    [
      'no password',
      {},
      /eureka at http:\/\/127\.0\.0\.1:\d+\/eureka answered 401 to GET \/apps.*set eurekaDiscovery's username and password/,
    ],
    ['a wrong one', { username: 'mesh', password: 'wrong' }, /answered 401.*username and password are not those of the server/],
  ];
  for (const [what, options, message] of refusals) {
    it(`says what to set when it is given ${what}`, async (test) => {
      const servers = `${registry.server.address}/eureka`;
      const mesh = createMesh({ discovery: registry.source({ servers, ...options }) });
      test.after(() => mesh.close());
      await assert.rejects(mesh.fetch('http://users/'), message);
      await assert.rejects(mesh.announce({ service: 'users', url: 'http://127.0.0.1:80' }), /answered 401 to GET \/apps\/USERS\//);
    });
  }

  it('takes user and password from the URL', async (test) => {
    const discovery = registry.source({ servers: registry.eureka.urls });
    const sink = new RecordingSink();
    await put('a');
    test.after(discovery.watch('users', sink, new RealHost()));
    await eventually('the list', () => sink.list.has('a'));
  });
});
