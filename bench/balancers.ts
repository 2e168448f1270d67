import { byLocality } from '../src/balancing/locality/by-locality.js';
import type { Balancer } from '../src/core/picker.js';
import {
  adaptive,
  byMetadata,
  leastRequest,
  maglev,
  p2c,
  pendingRequests,
  prequal,
  random,
  ringHash,
  roundRobin,
  slowStart,
  sticky,
  subset,
  weightedRoundRobin,
} from '../src/index.js';

/**
 * The balancers of the pick benchmark by the names of their rows: one line each. Where a name has 'weights' in it, the
 * endpoints weigh 1 to 4; where it has 'no reports', their answers have none, and one of them takes up to fifty times as long as another. They are in three zones, of which this client's has half of the clients, and have two versions.
 */
export const BALANCERS = {
  adaptive: () => adaptive(),
  'adaptive, no reports and uneven speeds': () => adaptive(),
  'p2c, peak EWMA': () => p2c(),
  'p2c, pending requests': () => p2c({ load: pendingRequests() }),
  roundRobin: () => roundRobin(),
  random: () => random(),
  leastRequest: () => leastRequest(),
  'p2c, weights 1 to 4': () => p2c(),
  'roundRobin, weights 1 to 4': () => roundRobin(),
  'random, weights 1 to 4': () => random(),
  'weightedRoundRobin, all report': () => weightedRoundRobin({ blackoutMs: 0 }),
  'prequal, all report': () => prequal(),
  'maglev by a key of 9 letters': () => maglev({ by: nextKey }),
  'ringHash by a key of 9 letters': () => ringHash({ by: nextKey }),
  'byLocality around p2c': () => byLocality(p2c(), { zone: ZONES[0], clients: { [ZONES[0]]: 2, [ZONES[1]]: 1, [ZONES[2]]: 1 } }),
  'subset of 20 around p2c': () => subset(p2c(), { name: 'bench' }),
  'subset of 20 by numbers around p2c': () => subset(p2c(), { client: 7, numberOf: ({ id }) => Number(id) }),
  'byMetadata around p2c': () => byMetadata(p2c(), { by: { version: nextVersion }, fallback: 'any' }),
  'slowStart around p2c': () => slowStart(p2c(), { windowMs: 60_000 }),
  'sticky around p2c, by a key of 9 letters': () => sticky(p2c(), { by: nextKey }),
} as const satisfies Record<string, () => Balancer>;

export type BalancerName = keyof typeof BALANCERS;

/** The one that a mesh has unless told otherwise, which the project has set itself bounds for. */
export const DEFAULT_BALANCER: BalancerName = 'adaptive';

export const ZONES = ['zone-a', 'zone-b', 'zone-c'] as const;

export const VERSIONS = ['v1', 'v2'] as const;

const KEYS = Array.from({ length: 1_024 }, (_, index) => `user-${String(index).padStart(4, '0')}`);
let nextIndex = 0;

/** A key that was not asked for just before, as if each request were of another user. */
function nextKey(): string {
  nextIndex = (nextIndex + 1) & (KEYS.length - 1);
  return KEYS[nextIndex] as string;
}

function nextVersion(): string {
  nextIndex = (nextIndex + 1) & (KEYS.length - 1);
  return VERSIONS[nextIndex & 1] as string;
}
