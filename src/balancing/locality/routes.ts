import { localityShares } from './locality-shares.js';
import type { Level, Part } from './parts.js';
import { healthOf, panicOf, priorityLoads, proportionalLoads } from './priority-loads.js';
import { areZonesHeeded, type Zone, zoneShares } from './zone-shares.js';

/**
 * From the counts of the parts to what share of the requests each is sent.
 *
 * One thing differs from Envoy. In panic Envoy sends requests to endpoints that it holds for unfit, in the hope that it
 * is wrong. Here nobody is picked whose gate is shut. So where all priorities are in panic, they share the requests by
 * how many endpoints each has to offer and not by their sizes: whoever is left gets as much as any other.
 */

/** What the shares depend on besides the endpoints. */
export interface RouteSettings {
  readonly overprovisioning: number;
  readonly panicRatio: number;
  readonly minEndpoints: number;
  readonly zone: string | undefined;
  readonly clients: ReadonlyMap<string, number> | undefined;
  readonly weights: ReadonlyMap<string, number> | undefined;
}

/** One part and its share of the requests, above 0. */
export interface Route {
  readonly part: Part;
  readonly share: number;
}

/** The routes of all requests, and notes in each level whether it is split. Costs work for the parts, not for their endpoints. */
export function routesOf(levels: readonly Level[], settings: RouteSettings): Route[] {
  const { overprovisioning, panicRatio } = settings;
  const counts = levels.map(({ all: { view } }) => ({ available: view.count, total: view.size }));
  const panic = panicOf(counts, overprovisioning, panicRatio);
  // With one of a thousand endpoints left, health rounds down to 0 and says nothing about where that one is.
  const hopeless = panic.every((each) => each) || healthOf(counts, overprovisioning).every((each) => each === 0);
  const loads = hopeless ? proportionalLoads(counts.map(({ available }) => available)) : priorityLoads(counts, overprovisioning);
  const routes: Route[] = [];
  for (const [index, level] of levels.entries()) {
    const load = (loads[index] as number) / 100;
    const within = load === 0 || panic[index] ? undefined : zonesOf(level, index === 0, settings);
    level.split = within !== undefined;
    for (const { part, share } of within ?? [{ part: level.all, share: 1 }]) {
      if (share * load > 0 && part.view.count > 0) routes.push({ part, share: share * load });
    }
  }
  return routes;
}

/** The shares of a level's zones, or undefined where zones do not matter. */
function zonesOf(level: Level, first: boolean, settings: RouteSettings): Route[] | undefined {
  if (settings.weights !== undefined) return byWeights(level, settings.weights, settings.overprovisioning);
  // Of the zones of another priority nobody knows how its other clients come to be there.
  if (settings.zone !== undefined && first) return byOwnZone(level, settings.zone, settings);
  return undefined;
}

function byWeights({ zones }: Level, weights: ReadonlyMap<string, number>, overprovisioning: number): Route[] | undefined {
  const localities = [...zones].map(([name, { view }]) => ({
    available: view.count,
    total: view.size,
    weight: name === undefined ? 0 : (weights.get(name) ?? 0),
  }));
  const shares = localityShares(localities, overprovisioning);
  if (shares.every((share) => share === 0)) return undefined;
  return withParts([...zones.values()], shares);
}

function byOwnZone({ zones }: Level, zone: string, { clients, minEndpoints }: RouteSettings): Route[] | undefined {
  const names = new Set<string | undefined>([zone, ...zones.keys(), ...(clients?.keys() ?? [])]);
  const counted = [...names].map((name): Zone => {
    const clientsThere = clients === undefined ? 1 : (clients.get(name ?? '') ?? 0);
    return { available: zones.get(name)?.view.count ?? 0, clients: name === undefined ? 0 : clientsThere };
  });
  // The client's own zone was put in first.
  if (!areZonesHeeded(counted, zones.size, 0, minEndpoints)) return undefined;
  return withParts(
    [...names].map((name) => zones.get(name)),
    zoneShares(counted, 0),
  );
}

function withParts(parts: readonly (Part | undefined)[], shares: readonly number[]): Route[] {
  return parts.flatMap((part, index) => (part === undefined ? [] : [{ part, share: shares[index] as number }]));
}
