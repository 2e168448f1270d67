import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fetchmesh';
import { mockRegistry } from 'fetchmesh/testing';
import { serveJson } from './servers.js';

const folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
const path = join(folder, 'lists.snapshot');
const registry = mockRegistry({ users: [await serveJson({ name: 'Ada' })] });

const before = createMesh({ discovery: registry, cache: { snapshot: { path } } });
await before.fetch('http://users/users/42');
await before.close();

registry.fail(new Error('connection refused'));

// #region snapshot
// A process that starts while its registry is down: the last good lists are in the file.
const mesh = createMesh({ discovery: registry, cache: { snapshot: { path, maxAgeMs: 3_600_000 } } });
mesh.on('listRestored', ({ service, endpoints }) => console.log(`${service}: ${endpoints} of old`)); // -> users: 1 of old
console.log(await (await mesh.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
console.log('snapshotAgeMs' in Object(mesh.inspect().services.users?.discovery)); // -> true

registry.recover();
console.log('snapshotAgeMs' in Object(mesh.inspect().services.users?.discovery)); // -> false
// #endregion

await mesh.close();
await rm(folder, { recursive: true });
