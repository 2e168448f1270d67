import { createMesh, staticDiscovery } from 'fetchmesh';
import ky from 'ky';
import { serveJson } from './servers.js';

const mesh = createMesh({ discovery: staticDiscovery({ users: [await serveJson({ name: 'Ada' })] }) });

// #region fetch-option
// Any library that takes a `fetch`: HTTP clients, generated API clients, model SDKs. It needs no `this`.
const client = ky.create({ fetch: mesh.fetch, prefixUrl: 'http://users', retry: 0 });
console.log(await client.get('users/42').json()); // -> { name: 'Ada' }
// #endregion

// #region global-fetch
// For code that takes nothing: hosts that are no service still go where they went before.
globalThis.fetch = mesh.fetch;
console.log((await fetch('http://users/users/42')).status); // -> 200
// #endregion
await mesh.close();
