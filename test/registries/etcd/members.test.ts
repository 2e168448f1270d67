import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createMesh } from '../../../src/index.js';
import { etcdDiscovery } from '../../../src/registries/etcd/index.js';
import { until } from '../../discovery/recording-sink.js';
import { base64, type Etcd, startEtcd } from '../servers/etcd.js';
import type { ServerProcess } from '../servers/server-process.js';
import { failuresOf, snapshotsOf, sourceInTest } from './source-in-test.js';

let etcd: Etcd;
before(async () => {
  etcd = await startEtcd({ members: 3 });
});
after(() => etcd.stop());

const put = (service: string, id: string, address = '10.0.0.1:80') =>
  etcd.call('kv/put', { key: base64(`services/${service}/${id}`), value: base64(JSON.stringify({ Op: 0, Addr: address })) });

/** Tries again for as long as the members elect a leader. */
async function putSoon(service: string, id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await put(service, id);
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function serving(test: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  test.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a cluster of three members', () => {
  it('loses its leader while requests go on, of which none fails, and the list is followed from the member that is left', async (test) => {
    await put('loaded', 'a', await serving(test));
    const leader = await etcd.leader();
    // The watch begins at the leader, which is about to go.
    const endpoints = [leader.address, ...etcd.endpoints.filter((address) => address !== leader.address)];
    const mesh = createMesh({ discovery: etcdDiscovery({ endpoints }), random: { next: () => 0 } });
    test.after(() => mesh.close());
    assert.equal((await mesh.fetch('http://loaded/')).status, 200);
    let [requests, failures] = [0, 0];
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        requests++;
        const answer = await mesh.fetch('http://loaded/').then(
          (response) => response.text(),
          () => 'failed',
        );
        if (answer !== 'here') failures++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const added = new Promise((resolve) => mesh.on('endpointAdded', ({ endpoint }) => endpoint === 'b' && resolve(endpoint)));
    await leader.kill();
    await putSoon('loaded', 'b');
    const writtenMs = performance.now();
    await added;
    test.diagnostic(`seen ${Math.round(performance.now() - writtenMs)} ms after the first write that the remaining members took`);
    isOver = true;
    await load;
    assert.equal(failures, 0);
    assert.ok(requests > 20);
    await leader.restart();
  });

  it('is noticed to have no leader within seconds, and followed again when it has one', async (test) => {
    await putSoon('leaderless', 'a');
    const [left, ...others] = etcd.members as [ServerProcess, ...ServerProcess[]];
    const sink = sourceInTest(test, { endpoints: left.address }).watch('leaderless');
    await until(() => sink.list.size === 1, 'the list');
    await putSoon('leaderless', 'b');
    await until(() => sink.list.size === 2, 'the watch');
    await Promise.all(others.map((member) => member.kill()));
    const startedMs = performance.now();
    await until(() => failuresOf(sink).length > 0, 'the failure');
    test.diagnostic(`noticed after ${Math.round(performance.now() - startedMs)} ms`);
    assert.match(failuresOf(sink)[0] ?? '', /etcdserver: no leader/);
    await Promise.all(others.map((member) => member.restart()));
    await putSoon('leaderless', 'c');
    await until(() => sink.list.size === 3, 'the change');
    assert.equal(snapshotsOf(sink), 1);
  });

  it('is followed at another member when the one that is watched is frozen', async (test) => {
    await putSoon('frozen', 'a');
    const source = sourceInTest(test, { endpoints: etcd.endpoints, livenessMs: 500, requestTimeoutMs: 1_000 });
    Object.assign(source.host, { random: { next: () => 0 } });
    const sink = source.watch('frozen');
    await until(() => sink.list.size === 1, 'the list');
    etcd.server.freeze();
    test.after(() => etcd.server.thaw());
    await until(() => failuresOf(sink).length > 0, 'the failure');
    await putAt(etcd.endpoints.slice(1), 'frozen', 'b');
    await until(() => sink.list.size === 2, 'the change');
    etcd.server.thaw();
  });

  it('keeps an instance announced while the member that it was announced to is gone', async (test) => {
    await putSoon('announced', 'witness');
    const source = sourceInTest(test, { endpoints: etcd.endpoints, leaseMs: 3_000 });
    Object.assign(source.host, { random: { next: () => 0 } });
    const sink = sourceInTest(test, { endpoints: etcd.endpoints.slice(1) }).watch('announced');
    const lease = await source.discovery.announce?.({ service: 'announced', url: 'http://10.0.0.1:80', id: 'a' }, source.host);
    await until(() => sink.list.has('a'), 'the instance');
    await etcd.server.kill();
    const startedMs = performance.now();
    await until(() => performance.now() - startedMs > 6_000, 'two leases');
    assert.equal(
      sink.said.some(({ remove }) => remove?.includes('a')),
      false,
    );
    await lease?.close();
    await until(() => !sink.list.has('a'), 'its end');
    await etcd.server.restart();
  });
});

/** A write at the first member that takes it, with none of its time spent on a frozen one. */
async function putAt(endpoints: readonly string[], service: string, id: string): Promise<void> {
  const body = JSON.stringify({ key: base64(`services/${service}/${id}`), value: base64('{"Addr":"10.0.0.2:80"}') });
  const startedMs = performance.now();
  while (performance.now() - startedMs < 10_000) {
    for (const endpoint of endpoints) {
      const response = await fetch(`${endpoint}/v3/kv/put`, { method: 'POST', body });
      if (response.ok) return;
    }
  }
  throw new Error('no member took the write');
}
