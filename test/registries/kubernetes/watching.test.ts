import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createMesh } from '../../../src/index.js';
import { kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { RecordingSink, until } from '../../discovery/recording-sink.js';
import { endpoint } from '../../registries-unit/kubernetes/slices.js';
import { eventually } from '../servers/eventually.js';
import { exchange } from '../servers/http-call.js';
import { type Kubernetes, startKubernetes } from '../servers/kubernetes.js';
import { runExample } from '../support/run-example.js';
import { asAdmin, failuresOf, RealHost, watch } from './real-host.js';
import { SliceWriter } from './slice-writer.js';

const HTTP = { name: 'http', port: 8080, protocol: 'TCP' };

/** How many watches on EndpointSlices the server has open. */
async function openWatches({ address, adminToken, certificates }: Kubernetes): Promise<number> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const { text } = await exchange(`${address}/metrics`, { ca: certificates.ca, headers });
  const lines = text.split('\n').filter((line) => /^apiserver_longrunning_requests\{.*resource="endpointslices".*verb="WATCH"/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('kubernetesDiscovery on a real API server', () => {
  let kubernetes: Kubernetes;
  let writer: SliceWriter;
  before(async () => {
    kubernetes = await startKubernetes();
    writer = new SliceWriter(kubernetes);
  });
  after(() => kubernetes.stop());

  it('joins the slices of both families, then passes on each change as a patch of what changed', async (test) => {
    const many = Array.from({ length: 100 }, (_, index) => endpoint(`10.1.0.${index}`, `many-${index}`));
    const first = await writer.post('users', { addressType: 'IPv4', ports: [HTTP], endpoints: many });
    const second = await writer.post('users', { addressType: 'IPv4', ports: [HTTP], endpoints: [endpoint('10.1.1.1', 'dual')] });
    await writer.post('users', {
      addressType: 'IPv6',
      ports: [HTTP],
      endpoints: [endpoint('fd00::1', 'dual'), endpoint('fd00::2', 'six')],
    });
    const { sink } = watch(test, kubernetesDiscovery(asAdmin(kubernetes)));
    await until(() => sink.list.size === 102, 'the list');
    assert.deepEqual(sink.said[0], { kind: 'snapshot', live: false });
    assert.equal(Object(sink.list.get('dual')).url, 'http://10.1.1.1:8080');
    assert.equal(Object(sink.list.get('six')).url, 'http://[fd00::2]:8080');

    await writer.replace('users', first, {
      addressType: 'IPv4',
      ports: [HTTP],
      endpoints: [...many.slice(1), endpoint('10.1.2.1', 'new')],
    });
    await until(() => sink.list.has('new'), 'the change');
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: ['many-0'] });

    await writer.delete(second);
    await until(() => Object(sink.list.get('dual')).url === 'http://[fd00::1]:8080', 'the other family');
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: [] });
    assert.deepEqual(failuresOf(sink), []);
  });

  it('tells a service that is not there from one that has no endpoints, and sees it come', async (test) => {
    const discovery = kubernetesDiscovery(asAdmin(kubernetes));
    const { sink } = watch(test, discovery, 'later');
    await until(() => sink.said.length > 0, 'the answer');
    assert.deepEqual(failuresOf(sink), ['later: kubernetes knows no service of this name']);
    await writer.post('later', { addressType: 'IPv4', ports: [HTTP], endpoints: [] });
    const { sink: empty } = watch(test, discovery, 'later');
    await until(() => empty.said.length > 0, 'the empty list');
    assert.equal(empty.said[0]?.kind, 'snapshot');
    await writer.put('later', { id: 'a', url: 'http://10.0.0.1:80' });
    await until(() => sink.list.has('a') && empty.list.has('a'), 'the first endpoint');
  });

  it('finds services of other namespaces by name, and ports by name or number', async (test) => {
    await kubernetes.createNamespace('shop');
    const shop = new SliceWriter(kubernetes, 'shop');
    const ports = [
      { name: 'main', port: 1_000, protocol: 'TCP' },
      { name: 'admin', port: 2_000, protocol: 'TCP' },
    ];
    await shop.post('cart', { addressType: 'IPv4', ports, endpoints: [endpoint('10.2.0.1', 'c')] });
    const urlWith = async (options: object, service: string): Promise<string> => {
      const { sink } = watch(test, kubernetesDiscovery({ ...asAdmin(kubernetes), ...options }), service);
      await until(() => sink.list.has('c'), service);
      return Object(sink.list.get('c')).url;
    };
    assert.equal(await urlWith({ port: 'main' }, 'cart.shop'), 'http://10.2.0.1:1000');
    assert.equal(await urlWith({ port: 2_000, namespace: 'shop' }, 'cart'), 'http://10.2.0.1:2000');
    assert.equal(
      await urlWith({ services: { basket: { name: 'cart', namespace: 'shop', port: 'admin' } } }, 'basket'),
      'http://10.2.0.1:2000',
    );
    const { sink, host } = watch(test, kubernetesDiscovery(asAdmin(kubernetes)), 'cart.shop.svc.cluster.local');
    await until(() => sink.said.length > 0, 'the list');
    assert.equal(sink.list.size, 0);
    assert.match(host.skippedEntries[0]?.reason ?? '', /several ports \(main=1000, admin=2000\): set port/);
  });

  it('reports what nobody can call, once, and serves the rest', async (test) => {
    await writer.put('hostile', { id: 'good', url: 'http://10.3.0.1:80' });
    const zone = 'z'.repeat(1_000_000);
    const name = await writer.post('hostile', { addressType: 'IPv4', ports: [HTTP], endpoints: [{ addresses: ['10.3.0.2'], zone }] });
    await writer.post('hostile', { addressType: 'IPv4', ports: [{ ...HTTP, port: 0 }], endpoints: [endpoint('10.3.0.3', 'x')] });
    const { sink, host } = watch(test, kubernetesDiscovery(asAdmin(kubernetes)), 'hostile');
    await until(() => sink.list.has('good'), 'the list');
    assert.deepEqual(host.skippedEntries.map(({ entry }) => entry.replace(/\d+/, 'N')).sort(), [
      'endpointslice default/hostile-N',
      'endpointslice default/hostile-N, endpoint 0',
    ]);
    await writer.replace('hostile', name, {
      addressType: 'IPv4',
      ports: [HTTP],
      endpoints: [{ addresses: ['10.3.0.2'], zone }, endpoint('10.3.0.4', 'more')],
    });
    await until(() => sink.list.has('more'), 'the change');
    assert.equal(host.skippedEntries.length, 2);
    assert.equal(sink.list.size, 2);
  });

  it('serves a mesh: requests go to the endpoints, and none after the removal is known', async (test) => {
    const servers = [1, 2].map((number) => createServer((_, response) => response.end(`${number}`)).listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    test.after(() => servers.forEach((server) => void server.close()));
    const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await Promise.all(urls.map((url, index) => writer.put('numbers', { id: `n${index + 1}`, url })));
    const mesh = createMesh({ discovery: kubernetesDiscovery(asAdmin(kubernetes)) });
    test.after(() => mesh.close());
    await mesh.ready(['numbers'], { minEndpoints: 2 });
    const ask = async (): Promise<string> => await (await mesh.fetch('http://numbers/')).text();
    const answers = new Set<string>();
    for (let i = 0; i < 50; i++) answers.add(await ask());
    assert.deepEqual([...answers].sort(), ['1', '2']);
    await writer.remove('numbers', 'n1');
    await until(() => mesh.inspect().services.numbers?.endpoints.length === 1, 'the removal');
    for (let i = 0; i < 20; i++) assert.equal(await ask(), '2');
  });

  it('leaves no watch on the server after stop', async (test) => {
    const discovery = kubernetesDiscovery(asAdmin(kubernetes));
    const before = await openWatches(kubernetes);
    const sinks = Array.from({ length: 3 }, () => new RecordingSink());
    const stops = sinks.map((sink) => discovery.watch('users', sink, new RealHost()));
    test.after(() => discovery.close?.());
    await eventually('the watches are open', async () => (await openWatches(kubernetes)) === before + 3);
    for (const stop of stops) stop();
    await eventually('the watches are closed', async () => (await openWatches(kubernetes)) === before);
    assert.deepEqual(sinks.flatMap(failuresOf), []);
  });

  it('has an example that runs', async () => {
    const env = { KUBERNETES_TOKEN: kubernetes.adminToken, KUBERNETES_CA_FILE: kubernetes.certificates.caFile };
    const lines = await runExample('kubernetes', [kubernetes.address], env);
    assert.deepEqual(lines, [
      'two instances of users and one of orders are in EndpointSlices',
      'users: Ada and Bob answer',
      'orders: the shop answers',
      'Ada is killed: calls go on, and Bob answers',
      'Ada is out of EndpointSlices, and of every list',
    ]);
  });
});
