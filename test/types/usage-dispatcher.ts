/**
 * `mesh.dispatcher` by its types. Apart from the rest, because a program that also has the types of a browser has a
 * RequestInit that knows no dispatcher, whoever's it is.
 */
import { createMesh, type MeshDispatcher, staticDiscovery } from 'fetchmesh';
import * as undici from 'undici';

const mesh = createMesh({ discovery: staticDiscovery({ users: ['http://10.0.0.1:8080'] }) });

export const asDispatcher: undici.Dispatcher = mesh.dispatcher;
export const asMeshDispatcher: MeshDispatcher = mesh.dispatcher;
export const forRuntime: RequestInit = { dispatcher: mesh.dispatcher };
undici.setGlobalDispatcher(mesh.dispatcher);
export async function dispatched(): Promise<void> {
  await fetch('http://users/', { dispatcher: mesh.dispatcher });
  await undici.fetch('http://users/', { dispatcher: mesh.dispatcher });
  await undici.request('http://users/', { dispatcher: mesh.dispatcher });
  await mesh.dispatcher.request({ origin: 'http://users', path: '/', method: 'GET' });
  await undici.request('http://users/', { dispatcher: mesh.dispatcher.compose(undici.interceptors.retry()) });
}
