import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh, fileDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const folder = await mkdtemp(join(tmpdir(), 'registry-'));
const url = await serveJson({ name: 'Ada' });

// #region announce
// In the process that serves: say where it is reached. The lease is renewed until it is closed.
const server = createMesh({ discovery: fileDiscovery({ path: folder, leaseMs: 5_000 }) });
const lease = await server.announce({ service: 'users', url, id: 'users-1', zone: 'eu-1a' });
// #endregion

// #region find
// In the processes that call, on the same machine or with the same volume: nothing but the folder.
const client = createMesh({ discovery: fileDiscovery(folder) });
client.on('endpointRemoved', ({ endpoint }) => console.log(`${endpoint} has left`));
await client.ready(['users']);
console.log(await (await client.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
// #endregion

const left = new Promise((resolve) => client.on('endpointRemoved', resolve));
await lease.close();
await left; // -> users-1 has left
await Promise.all([server.close(), client.close()]);
await rm(folder, { recursive: true });
