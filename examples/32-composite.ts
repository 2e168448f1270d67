import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compositeDiscovery, createMesh, fileDiscovery, staticDiscovery } from 'fetchmesh';
import { serveJson } from './servers.js';

const folder = await mkdtemp(join(tmpdir(), 'registry-'));
const backup = await serveJson({ from: 'the backup' });
const announced = await serveJson({ from: 'the registry' });
const staging = await serveJson({ from: 'staging' });

// #region fallback
const mesh = createMesh({
  discovery: compositeDiscovery(
    [
      { source: fileDiscovery(folder), name: 'registry' }, // first, wherever it has instances
      { source: staticDiscovery({ users: [backup] }), name: 'backup' },
    ],
    { returnAfterMs: 100 }, // how long the registry must be well before it serves again
  ),
});
mesh.on('sourceSwitched', ({ from, to }) => console.log(`${from ?? 'nobody'} -> ${to}`)); // -> nobody -> backup
console.log(await (await mesh.fetch('http://users/')).json()); // -> { from: 'the backup' }
// #endregion

const switched = new Promise((resolve) => mesh.on('sourceSwitched', resolve));

// #region announce
// The composite announces to its one registry; with several, `announceTo` names it.
await mesh.announce({ service: 'users', url: announced, metadata: { environment: 'production' } });
await mesh.announce({ service: 'users', url: staging, metadata: { environment: 'staging' } });
// #endregion
await switched; // -> backup -> registry

// #region filter
const production = createMesh({
  discovery: compositeDiscovery([
    {
      source: fileDiscovery(folder),
      where: { environment: 'production' }, // instances that do not say so are not there
      aliases: { people: 'users' }, // what is `people` here is `users` there
      services: ['people', /^team-/], // nothing else is asked of this source
    },
  ]),
});
console.log(await (await production.fetch('http://people/')).json()); // -> { from: 'the registry' }
console.log(production.inspect().services.people?.endpoints.length); // -> 1
// #endregion

await Promise.all([mesh.close(), production.close()]);
await rm(folder, { recursive: true });
