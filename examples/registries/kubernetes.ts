// Two services in the EndpointSlices of a real Kubernetes API server; calls go on when an instance of one is killed.
//
//     node kubernetes.js [SERVER]        or KUBERNETES_SERVER, KUBERNETES_TOKEN, KUBERNETES_CA_FILE in the environment
//
// The default is what `kubectl proxy` serves. In a cluster, pods and their Service make the slices; here the example
// writes them itself.
import { once } from 'node:events';
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
const [users, orders] = [`users-${process.pid}`, `orders-${process.pid}`];

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
function slice(service: string, name: string, port: number): object {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'FQDN',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, targetRef: { kind: 'Pod', name, uid: `uid-of-${name}` } }],
  };
}

interface Instance {
  readonly server: Server;
  /** Its slice. */
  readonly name: string;
}

async function startInstance(service: string, answer: string): Promise<Instance> {
  const instance = createServer((_request, response) => response.end(answer)).listen(0, '127.0.0.1');
  await once(instance, 'listening');
  const name = `${service}-${answer.replaceAll(' ', '-').toLowerCase()}`;
  await api('POST', '', slice(service, name, (instance.address() as AddressInfo).port));
  return { server: instance, name };
}

function kill({ server }: Instance): void {
  server.close();
  server.closeAllConnections();
}

const ada = await startInstance(users, 'Ada');
const bob = await startInstance(users, 'Bob');
const shop = await startInstance(orders, 'the shop');
console.log('two instances of users and one of orders are in EndpointSlices');

// #region call
const mesh = createMesh({
  discovery: kubernetesDiscovery({ server, token, caFile }), // in a pod, and where kubectl works: kubernetesDiscovery()
});
await mesh.ready([users], { minEndpoints: 2 });
const call = async (service: string): Promise<string> => (await mesh.fetch(`http://${service}/`)).text();
// #endregion

const answers = new Set<string>();
while (answers.size < 2) answers.add(await call(users));
console.log(`users: ${[...answers].sort().join(' and ')} answer`);
console.log(`orders: ${await call(orders)} answers`);

kill(ada);
for (let i = 0; i < 10; i++) await call(users);
console.log(`Ada is killed: calls go on, and ${await call(users)} answers`);

// What the cluster does when it misses the pod.
const left = new Promise((resolve) => mesh.on('endpointRemoved', resolve));
await api('DELETE', `/${ada.name}`);
await left;
console.log('Ada is out of EndpointSlices, and of every list');

await Promise.all([bob, shop].map(({ name }) => api('DELETE', `/${name}`)));
await mesh.close();
kill(bob);
kill(shop);
