// Two instances of a service in the EndpointSlices of a real Kubernetes API server; calls go on when one is gone.
//
//     node kubernetes.js [SERVER]        KUBERNETES_TOKEN and KUBERNETES_CA_FILE say who asks, where it matters
//
// The default is what `kubectl proxy` serves. In a cluster, pods and their Service make the slices; here the example
// writes them itself.
import { readFileSync } from 'node:fs';
import { createServer, request as requestHttp, type Server } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createMesh } from 'fetchmesh';
import { kubernetesDiscovery } from 'fetchmesh/kubernetes';

const server = process.argv[2] ?? process.env.KUBERNETES_SERVER ?? 'http://127.0.0.1:8001';
const token = process.env.KUBERNETES_TOKEN;
const caFile = process.env.KUBERNETES_CA_FILE;
const service = `greeter-${process.pid}`;

/** One request to the API server. */
async function api(method: string, path: string, body?: unknown): Promise<void> {
  const url = `${server}/apis/discovery.k8s.io/v1/namespaces/default/endpointslices${path}`;
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  const sent = url.startsWith('https:') ? requestHttps(url, { method, ca }) : requestHttp(url, { method });
  if (token !== undefined) sent.setHeader('authorization', `Bearer ${token}`);
  sent.setHeader('content-type', 'application/json');
  sent.end(JSON.stringify(body));
  await new Promise<void>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      text(response).then((answer) => (Number(response.statusCode) < 300 ? resolve() : reject(new Error(answer))), reject);
    });
  });
}

/** What the cluster would write for a pod that is ready. Loopback addresses are refused there, but not as names. */
function slice(name: string, port: number): object {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'FQDN',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, targetRef: { kind: 'Pod', name, uid: `uid-of-${name}` } }],
  };
}

async function startInstance(name: string): Promise<Server> {
  const instance = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => instance.listen(0, '127.0.0.1', resolve));
  await api('POST', '', slice(name, (instance.address() as AddressInfo).port));
  return instance;
}

const names = [`${service}-1`, `${service}-2`] as const;
const instances = await Promise.all(names.map(startInstance));
console.log(`two instances of ${service} are in EndpointSlices on ${server}`);

// #region mesh
const mesh = createMesh({
  discovery: kubernetesDiscovery({ server, token, caFile }), // in a pod, and where kubectl works: kubernetesDiscovery()
});
await mesh.ready([service], { minEndpoints: 2 });
console.log(await (await mesh.fetch(`http://${service}/`)).text());
// #endregion

const greet = async (): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();
const answers = new Set<string>();
while (answers.size < 2) answers.add(await greet());
console.log(`answers of both: ${[...answers].sort().join(', ')}`);

console.log(`killing ${names[0]}`);
instances[0]?.close();
instances[0]?.closeAllConnections();
for (let i = 0; i < 10; i++) await greet();
console.log('calls go on, although it is still in its slice');

await api('DELETE', `/${names[0]}`);
while (mesh.inspect().services[service]?.endpoints.length !== 1) await greet();
console.log(`its slice is deleted: the mesh knows ${mesh.inspect().services[service]?.endpoints[0]?.origin} alone`);

await mesh.close();
await api('DELETE', `/${names[1]}`);
instances[1]?.close();
