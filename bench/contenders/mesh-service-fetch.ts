import { createMesh, staticDiscovery } from 'fetchmesh';
import { type MakeContender, PATH } from '../contender.js';

/** The same through the `fetch` of one service, which needs no URL. */
export const contender: MakeContender = (urls) => {
  const api = createMesh({ discovery: staticDiscovery({ api: urls }) }).service('api');
  return { get: () => api.fetch(PATH).then((response) => response.json()) };
};
