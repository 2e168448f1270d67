import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type AnnounceableServer, type AnnounceServerOptions, ConfigError, createMesh, type Lease, MeshError } from '../../src/index.js';
import { mockRegistry } from '../../src/testing/mock-registry.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { temporaryFolder, until } from '../discovery/recording-sink.js';
import { ScriptedSource, track } from '../discovery/scripted-source.js';
import { TEST_ONLY_LOOPBACK } from '../support/tls/test-only-certificates.js';
import { ask, listening, meshOfTest, portOf } from './served.js';

const ok = () => createServer((_request, response) => response.end('ok'));

describe('a server that is announced', () => {
  it('is found and called by others once it is ready, and no more after it was taken back', async (test) => {
    const { mesh } = meshOfTest(test);
    const server = await listening(test, ok());
    const announced = mesh.announceServer(server, { service: 'users', zone: 'z', metadata: { v: '1' } });
    const { id, url } = await announced.ready;
    assert.equal(url, `http://127.0.0.1:${portOf(server)}`);
    assert.equal(id, url);
    await mesh.ready(['users']);
    assert.equal(await (await mesh.fetch('http://users/')).text(), 'ok');
    const [endpoint] = mesh.inspect().services.users?.endpoints ?? [];
    assert.deepEqual([endpoint?.zone, endpoint?.metadata], ['z', { v: '1' }]);
    await announced.close();
    await until(() => mesh.inspect().services.users?.endpoints.length === 0, 'the end of the endpoint');
    assert.equal((await ask(portOf(server))).body, 'ok', 'it goes on serving');
  });

  it('waits for a server that does not listen yet, with the port that it then gets', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const server = ok();
    const announced = mesh.announceServer(server, { service: 'users', id: 'users-1' });
    const ready = track(announced.ready);
    await new Promise(setImmediate);
    assert.equal(ready.state, 'pending');
    assert.deepEqual(readdirSync(folder), []);
    await listening(test, server);
    assert.deepEqual(await announced.ready, { id: 'users-1', url: `http://127.0.0.1:${portOf(server)}` });
  });

  it('has the scheme of a TLS server, the host that was given, and IPv6 in brackets', async (test) => {
    const { mesh } = meshOfTest(test);
    const { key, cert } = TEST_ONLY_LOOPBACK;
    const tls = await listening(test, createHttpsServer({ key, cert }), 0, '::1');
    assert.equal((await mesh.announceServer(tls, { service: 'tls' }).ready).url, `https://[::1]:${portOf(tls)}`);
    const any = await listening(test, ok(), 0, '0.0.0.0');
    assert.equal((await mesh.announceServer(any, { service: 'a', host: '10.1.2.3' }).ready).url, `http://10.1.2.3:${portOf(any)}`);
    assert.equal((await mesh.announceServer(any, { service: 'b', host: 'fd00::1' }).ready).url, `http://[fd00::1]:${portOf(any)}`);
    assert.equal((await mesh.announceServer(any, { service: 'c', url: 'https://api.internal/v1' }).ready).url, 'https://api.internal/v1');
  });

  it('is refused at once when it listens on every address of the machine, with what could be meant', async (test) => {
    const { mesh } = meshOfTest(test);
    for (const host of ['0.0.0.0', '::']) {
      const server = await listening(test, ok(), 0, host);
      assert.throws(
        () => mesh.announceServer(server, { service: 'users' }),
        (error) =>
          error instanceof ConfigError &&
          error.path === 'announceServer.host' &&
          new RegExp(`http://\\S+:${portOf(server)}`).test(error.message),
      );
    }
  });

  it('is refused by its promise when it comes to listen on every address later', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const server = ok();
    const { ready } = mesh.announceServer(server, { service: 'users' });
    await Promise.all([listening(test, server, 0, '0.0.0.0'), assert.rejects(ready, ConfigError)]);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(server.listenerCount('newListener'), 0, 'nothing is left on the server');
  });

  const bad: [string, unknown, string][] = [
    ['no service', {}, 'announce.service'],
    ['a misspelt option', { service: 'users', drainOnSigTerm: true }, 'announceServer.drainOnSigTerm'],
    ['a switch that is none', { service: 'users', drainOnSigterm: 'yes' }, 'announceServer.drainOnSigterm'],
    ['an unknown way to fail', { service: 'users', onRegistryDown: 'ignore' }, 'announceServer.onRegistryDown'],
    ['a host with a port', { service: 'users', host: '10.0.0.1:80' }, 'announceServer.host'],
    ['a host that is a URL', { service: 'users', host: 'http://a' }, 'announceServer.host'],
    ['a host and a URL', { service: 'users', host: 'a', url: 'http://a' }, 'announceServer.host'],
    ['a URL that nobody can call', { service: 'users', url: 'http://0.0.0.0:80' }, 'announce.url'],
    ['a weight of 0', { service: 'users', weight: 0 }, 'announce.weight'],
    ['a negative wait', { service: 'users', drain: { propagationMs: -1 } }, 'announceServer.drain.propagationMs'],
    ['no time at all', { service: 'users', drain: { timeoutMs: 0 } }, 'announceServer.drain.timeoutMs'],
    ['a registry that is not there', { service: 'users', announceTo: 'consul' }, 'announce.announceTo'],
  ];
  for (const [what, options, path] of bad) {
    it(`is refused with ${what} before it listens`, (test) => {
      const { mesh } = meshOfTest(test);
      const server = ok();
      assert.throws(
        () => mesh.announceServer(server, options as AnnounceServerOptions),
        (error) => error instanceof ConfigError && error.path === path,
      );
      assert.equal(server.listenerCount('close'), 0);
    });
  }

  it('is refused where it is no server, and by a mesh without a registry or that is closed', async (test) => {
    const { mesh } = meshOfTest(test);
    assert.throws(() => mesh.announceServer((() => {}) as unknown as AnnounceableServer, { service: 'users' }), /Fastify: app\.server/);
    const watching = createMesh({ discovery: new ScriptedSource() });
    assert.throws(() => watching.announceServer(ok(), { service: 'users' }), /nowhere to announce/);
    await watching.close();
    assert.throws(() => watching.announceServer(ok(), { service: 'users' }), /the mesh is closed/);
  });

  it('leaves the registry when its server closes, and has a new entry when it listens again', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const server = await listening(test, ok());
    const port = portOf(server);
    await mesh.announceServer(server, { service: 'users' }).ready;
    for (let restart = 0; restart < 3; restart++) {
      server.close();
      await once(server, 'close');
      await listening(test, server, port);
      // The end of the earlier entry may still be under way: it must not take the new one with it.
      await mesh.announceServer(server, { service: 'users' }).ready;
      assert.equal(readdirSync(folder).filter((name) => name.endsWith('.json')).length, 1);
    }
    server.close();
    await once(server, 'close');
    await until(() => readdirSync(folder).length === 0, 'the end of the entry');
    assert.equal(server.listenerCount('request'), 1, 'the handler alone is left');
    assert.equal(server.listenerCount('close'), 0);
  });

  it('leaves the registry with its mesh', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const server = await listening(test, ok());
    await mesh.announceServer(server, { service: 'users' }).ready;
    await mesh.close();
    assert.deepEqual(readdirSync(folder), []);
    assert.equal((await ask(portOf(server))).status, 200);
  });

  it('may be taken back before it listens, and then never is announced', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const server = ok();
    const announced = mesh.announceServer(server, { service: 'users' });
    await announced.close();
    await listening(test, server);
    await assert.rejects(announced.ready, (error) => error instanceof MeshError && error.code === 'ERR_MESH_CLOSED');
    assert.deepEqual(readdirSync(folder), []);
  });

  it('serves on a Unix socket only with a URL', async (test) => {
    const { mesh } = meshOfTest(test);
    const server = ok();
    server.listen(join(temporaryFolder(test), 'socket'));
    test.after(() => server.close());
    await once(server, 'listening');
    assert.throws(() => mesh.announceServer(server, { service: 'users' }), /announceServer\.url must be given/);
    await mesh.announceServer(server, { service: 'users', url: 'http://users.internal' }).ready;
  });

  it('may speak HTTP/2', async (test) => {
    const { mesh } = meshOfTest(test);
    const server = await listening(test, createHttp2Server());
    assert.match((await mesh.announceServer(server, { service: 'users' }).ready).url, /^http:/);
  });
});

describe('a registry that is down when a server is announced', () => {
  it('is told once it is back, and the waits between are spread', async (test) => {
    const clock = new VirtualClock();
    const registry = mockRegistry();
    const { mesh, heard } = meshOfTest(test, { discovery: registry, clock });
    const server = await listening(test, ok());
    registry.fail();
    const announced = mesh.announceServer(server, { service: 'users' });
    const ready = track(announced.ready);
    await clock.advance(60_000);
    assert.equal(ready.state, 'pending');
    assert.deepEqual(heard, ['announcementFailed']);
    registry.recover();
    await clock.advance(5_000);
    assert.equal(ready.state, 'done');
    assert.deepEqual(heard, ['announcementFailed', 'announcementRecovered']);
  });

  it('fails the announcement where that is asked for', async (test) => {
    const registry = mockRegistry();
    const { mesh } = meshOfTest(test, { discovery: registry });
    const server = await listening(test, ok());
    const down = new Error('connection refused');
    registry.fail(down);
    const announced = mesh.announceServer(server, { service: 'users', onRegistryDown: 'reject' });
    await assert.rejects(announced.ready, down);
    registry.recover();
    await mesh.announceServer(server, { service: 'users', onRegistryDown: 'reject' }).ready;
  });

  it('is asked no more once the server was taken back', async (test) => {
    const clock = new VirtualClock();
    let asked = 0;
    const registry = mockRegistry();
    const announce = async (): Promise<Lease> => {
      asked++;
      throw new Error('connection refused');
    };
    const { mesh } = meshOfTest(test, { discovery: { ...registry, name: 'down', watch: registry.watch, announce }, clock });
    const server = await listening(test, ok());
    const announced = mesh.announceServer(server, { service: 'users' });
    const rejected = assert.rejects(announced.ready, /taken back/);
    await clock.advance(10_000);
    assert.ok(asked > 2, `${asked}`);
    const before = asked;
    await announced.close();
    await rejected;
    await clock.advance(60_000);
    assert.equal(asked, before);
  });
});

describe('an announcement through a mesh', () => {
  it('takes the earlier one of the same instance back first, which then has nothing to close', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const first = await mesh.announce({ service: 'users', url: 'http://10.0.0.1:80' });
    const second = await mesh.announce({ service: 'Users', url: 'http://10.0.0.1:80', weight: 2 });
    await first.close();
    assert.equal(readdirSync(folder).length, 1);
    await second.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('has one entry and leaves none, however often and however fast it is repeated', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const leases = await Promise.all(Array.from({ length: 10 }, () => mesh.announce({ service: 'users', url: 'http://10.0.0.1:80' })));
    assert.equal(readdirSync(folder).length, 1);
    await Promise.all(leases.map((lease) => lease.close()));
    assert.deepEqual(readdirSync(folder), []);
  });

  it('goes to the registry that it names, and to no other name', async (test) => {
    const { mesh, folder } = meshOfTest(test);
    const announcement = { service: 'users', url: 'http://10.0.0.1:80' };
    await mesh.announce({ ...announcement, announceTo: 'fileDiscovery' });
    assert.equal(readdirSync(folder).length, 1);
    await assert.rejects(
      mesh.announce({ ...announcement, announceTo: 'consul' }),
      (error) => error instanceof ConfigError && error.path === 'announce.announceTo' && /\(fileDiscovery\)/.test(error.message),
    );
  });

  it('is not in the way of a server that cannot listen', async (test) => {
    const { mesh } = meshOfTest(test);
    const taken = createTcpServer();
    await listening(test, taken);
    const server = ok();
    const announced = mesh.announceServer(server, { service: 'users' });
    server.listen((taken.address() as AddressInfo).port, '127.0.0.1');
    const [error] = await once(server, 'error');
    assert.equal((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
    await listening(test, server);
    assert.equal((await announced.ready).url, `http://127.0.0.1:${portOf(server)}`);
  });
});
