/** A worker thread with a mesh of its own, which tells its parent what it knows. */
import { parentPort, workerData } from 'node:worker_threads';
import { createMesh, staticDiscovery } from '../../../src/index.js';

const mesh = createMesh({ discovery: staticDiscovery({ users: [workerData as string] }) });
const answers: number[] = [];
for (let i = 0; i < 3; i++) {
  const response = await mesh.fetch('http://users/from-the-worker');
  await response.text();
  answers.push(response.status);
}
parentPort?.postMessage({ answers, requests: mesh.inspect().services.users?.endpoints[0]?.requests });
