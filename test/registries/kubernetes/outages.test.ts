import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createMesh } from '../../../src/index.js';
import { kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { until } from '../../discovery/recording-sink.js';
import { endpoint } from '../../registries-unit/kubernetes/slices.js';
import { callJson, exchange } from '../servers/http-call.js';
import { type Kubernetes, startKubernetes } from '../servers/kubernetes.js';
import { Network } from '../support/network.js';
import { asAdmin, failuresOf, watch } from './real-host.js';
import { SliceWriter } from './slice-writer.js';

const HTTP = { name: 'http', port: 8080, protocol: 'TCP' };
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

function sliceOf(...endpoints: readonly unknown[]): Record<string, unknown> {
  return { addressType: 'IPv4', ports: [HTTP], endpoints };
}

// One server, with which one thing after the other goes wrong.
describe('kubernetesDiscovery when a real API server fails', () => {
  let kubernetes: Kubernetes;
  let writer: SliceWriter;
  before(async () => {
    kubernetes = await startKubernetes();
    writer = new SliceWriter(kubernetes);
  });
  after(() => kubernetes.stop());

  it('takes up a broken watch where it was, and misses nothing', async (test) => {
    const slices = [
      await writer.post('cut', sliceOf(endpoint('10.0.0.1', 'a'))),
      await writer.post('cut', sliceOf(endpoint('10.0.0.2', 'b'))),
    ];
    const network = await Network.to(kubernetes.address);
    test.after(() => network.close());
    const { sink } = watch(test, kubernetesDiscovery({ ...asAdmin(kubernetes), server: `https://${network.address}` }), 'cut');
    await until(() => sink.list.size === 2, 'the list');
    network.turn('refusing');
    await until(() => failuresOf(sink).length > 0, 'the failure');
    await writer.replace('cut', slices[0] ?? '', sliceOf(endpoint('10.0.0.3', 'c')));
    await writer.delete(slices[1] ?? '');
    await writer.post('cut', sliceOf(endpoint('10.0.0.4', 'd')));
    network.turn('open');
    await until(() => sink.ids.join() === 'c,d', 'the changes');
    assert.equal(sink.said.filter(({ kind }) => kind === 'snapshot').length, 1);
  });

  it('is current within two seconds of the first connection', async (test) => {
    await writer.post('back', sliceOf(endpoint('10.0.0.1', 'a')));
    const network = await Network.to(kubernetes.address);
    test.after(() => network.close());
    const { sink } = watch(test, kubernetesDiscovery({ ...asAdmin(kubernetes), server: `https://${network.address}` }), 'back');
    await until(() => sink.list.size === 1, 'the list');
    network.turn('refusing');
    await until(() => failuresOf(sink).length >= 5, 'some failures');
    await writer.post('back', sliceOf(endpoint('10.0.0.2', 'b')));
    network.turn('open');
    await until(() => sink.list.size === 2, 'the change');
    assert.ok(performance.now() - Number(network.mendedConnectionAt) < 2_000);
  });

  it('notices a server that froze, keeps the list meanwhile, and is current after it', async (test) => {
    const mesh = createMesh({ discovery: kubernetesDiscovery({ ...asAdmin(kubernetes), livenessMs: 1_000, requestTimeoutMs: 500 }) });
    test.after(() => mesh.close());
    await writer.post('frozen', sliceOf(endpoint('10.0.0.1', 'a')));
    await mesh.ready(['frozen']);
    await writer.post('frozen', sliceOf(endpoint('10.0.0.2', 'b')));
    await until(() => mesh.inspect().services.frozen?.endpoints.length === 2, 'a change, seen by the watch');
    const failures: string[] = [];
    mesh.on('registryFailed', ({ error }) => failures.push(String(error)));
    let recovered = false;
    mesh.on('registryRecovered', () => {
      recovered = true;
    });
    const frozenMs = performance.now();
    kubernetes.freeze();
    test.after(() => kubernetes.thaw());
    await until(() => failures.length > 0, 'the failure');
    assert.ok(performance.now() - frozenMs < 4_000);
    assert.match(failures[0] ?? '', /did not answer GET \/version within 500 ms/);
    assert.equal(mesh.inspect().services.frozen?.endpoints.length, 2);
    kubernetes.thaw();
    await writer.post('frozen', sliceOf(endpoint('10.0.0.3', 'c')));
    await until(() => recovered && mesh.inspect().services.frozen?.endpoints.length === 3, 'the change');
    assert.equal(failures.length, 1);
  });

  it('survives a restart of the server with its data: the list stays, and changes come again', async (test) => {
    const [first] = [
      await writer.post('restart', sliceOf(endpoint('10.0.0.1', 'a'))),
      await writer.post('restart', sliceOf(endpoint('10.0.0.2', 'b'))),
    ];
    const { sink } = watch(test, kubernetesDiscovery(asAdmin(kubernetes)), 'restart');
    await until(() => sink.list.size === 2, 'the list');
    await kubernetes.restart();
    await writer.replace('restart', first ?? '', sliceOf(endpoint('10.0.0.3', 'c')));
    await until(() => sink.ids.join() === 'b,c', 'the change');
    assert.ok(!failuresOf(sink).some((message) => message.includes('knows no service')));
  });

  it('lists again when its version was compacted away (410), and takes what is gone from the list', async (test) => {
    const gone = await writer.post('compacted', sliceOf(endpoint('10.0.0.1', 'a')));
    await writer.post('compacted', sliceOf(endpoint('10.0.0.2', 'b'), endpoint('10.0.0.3', 'c')));
    await writer.post('compacted', sliceOf(endpoint('10.0.0.5', 'e')));
    const { metadata } = (await kubernetes.call(`${SLICES}?limit=1`)) as { metadata: { resourceVersion: string } };
    const network = await Network.to(kubernetes.address);
    test.after(() => network.close());
    const { sink } = watch(test, kubernetesDiscovery({ ...asAdmin(kubernetes), server: `https://${network.address}` }), 'compacted');
    await until(() => sink.list.size === 4, 'the list');
    network.turn('refusing');
    await until(() => failuresOf(sink).length > 0, 'the failure');
    await writer.delete(gone);
    await writer.post('compacted', sliceOf(endpoint('10.0.0.4', 'd')));
    await compact(kubernetes);
    // The server's memory of the last changes goes with it.
    await kubernetes.restart();
    const watchFromThen = `${kubernetes.address}${SLICES}?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`;
    const { text } = await exchange(watchFromThen, {
      ca: kubernetes.certificates.ca,
      headers: { authorization: `Bearer ${kubernetes.adminToken}` },
    });
    assert.match(text, /"code":410/);
    network.turn('open');
    await until(() => sink.ids.join() === 'b,c,d,e', 'the list');
    assert.deepEqual(
      sink.said.filter(({ kind }) => kind === 'snapshot').map(({ live }) => live),
      [false, false],
    );
    assert.ok(!failuresOf(sink).some((message) => message.includes('410')));
  });

  it('does not believe at once a server that comes back without its data', async (test) => {
    await writer.post('lost', sliceOf(endpoint('10.0.0.1', 'a')));
    await writer.post('lost', sliceOf(endpoint('10.0.0.2', 'b')));
    const { sink } = watch(test, kubernetesDiscovery(asAdmin(kubernetes)), 'lost');
    const mesh = createMesh({ discovery: kubernetesDiscovery(asAdmin(kubernetes)) });
    test.after(() => mesh.close());
    await mesh.ready(['lost'], { minEndpoints: 2 });
    await until(() => sink.list.size === 2, 'the list');
    const held: unknown[] = [];
    mesh.on('listHeld', (event) => held.push(event));
    await kubernetes.restart({ empty: true });
    await until(() => held.length === 1 && failuresOf(sink).some((message) => message.includes('knows no service')), 'the empty list');
    assert.equal(mesh.inspect().services.lost?.endpoints.length, 2);
    assert.equal(sink.list.size, 2);
    await new SliceWriter(kubernetes).put('lost', { id: 'new', url: 'http://10.0.0.3:80' });
    await until(() => mesh.inspect().services.lost?.endpoints.some(({ id }) => id === 'new') === true, 'what is entered anew');
  });
});

/** Makes etcd forget all versions before its present one, over its JSON gateway. */
async function compact({ etcd }: Kubernetes): Promise<void> {
  const { address } = etcd.server;
  const { header } = (await callJson(`${address}/v3/kv/range`, { body: { key: Buffer.from('/').toString('base64') } })) as {
    header: { revision: string };
  };
  await callJson(`${address}/v3/kv/compaction`, { body: { revision: header.revision, physical: true } });
}
