import { createMesh, staticDiscovery } from 'fetchmesh';
import { request, setGlobalDispatcher } from 'undici';
import { serveJson } from './servers.js';

const mesh = createMesh({ discovery: staticDiscovery({ users: [await serveJson({ name: 'Ada' })] }) });

// #region dispatcher
const response = await fetch('http://users/users/42', { dispatcher: mesh.dispatcher });
console.log(await response.json()); // -> { name: 'Ada' }

const { statusCode, body } = await request('http://users/users', {
  method: 'POST',
  body: JSON.stringify({ name: 'Ada' }),
  headers: { 'content-type': 'application/json' },
  dispatcher: mesh.dispatcher,
});
console.log(statusCode, await body.json()); // -> 200 { name: 'Ada' }
// #endregion

// #region global-dispatcher
// For everything in the process that uses undici or the built-in fetch. Other hosts go where they went before.
setGlobalDispatcher(mesh.dispatcher);
console.log((await fetch('http://users/users/42')).status); // -> 200
// #endregion
await mesh.close();
