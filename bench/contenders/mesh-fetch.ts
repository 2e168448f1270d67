import { createMesh, staticDiscovery } from 'fetchmesh';
import { type MakeContender, PATH } from '../contender.js';

/** The mesh as it comes: p2c over peak EWMA, timeouts, bulkhead, retries with their budget, breakers. */
export const contender: MakeContender = (urls) => {
  const mesh = createMesh({ discovery: staticDiscovery({ api: urls }) });
  const url = `http://api${PATH}`;
  return { get: () => mesh.fetch(url).then((response) => response.json()) };
};
