/**
 * How the traffic of one client is spread over zones so that most of it stays in the client's own and every endpoint
 * still gets as much as any other: Envoy's zone-aware routing (`calculateLocalityPercentages` and
 * `regenerateLocalityRoutingStructures` of its load_balancer_impl.cc), in its whole numbers.
 *
 * A zone can take as large a part of all requests as it has of all endpoints. If the clients' zone makes up no more of
 * the clients than of the endpoints, all their requests stay. If it makes up more, the part of them stays that
 * there is room for; the rest goes to the zones that have fewer clients than endpoints, in proportion to the room left.
 *
 * Percentages are counted in hundredths, each rounded down.
 */

/** What there is in one zone. */
export interface Zone {
  /** Clients, of which this process is one: any measure of how much they ask for. */
  readonly clients: number;
  /** Endpoints that can be picked. */
  readonly available: number;
}

/** Where one client's requests go. */
export interface ZoneRouting {
  /** How many of 10,000 requests stay in the client's own zone. */
  readonly local: number;
  /** Of the others, how many go to each zone, relative to each other; 0 for the own. */
  readonly residual: readonly number[];
}

/** Envoy counts in hundredths of a per cent. */
const WHOLE = 10_000;

/** Where the requests of a client in the zone with the index `own` go; -1 if its zone is not among these. */
export function zoneRouting(zones: readonly Zone[], own: number): ZoneRouting {
  const allClients = zones.reduce((sum, { clients }) => sum + clients, 0);
  const allAvailable = zones.reduce((sum, { available }) => sum + available, 0);
  const clientsIn = zones.map(({ clients, available }) => (available === 0 ? 0 : partOf(clients, allClients)));
  const roomIn = zones.map(({ available }) => partOf(available, allAvailable));
  const room = roomIn[own] ?? 0;
  const asked = clientsIn[own] ?? 0;
  if (room > 0 && room >= asked) return { local: WHOLE, residual: zones.map(() => 0) };
  const local = asked > 0 ? Math.floor((room * WHOLE) / asked) : 0;
  return { local, residual: roomIn.map((each, index) => (index === own ? 0 : Math.max(0, each - (clientsIn[index] as number)))) };
}

/**
 * The share of the requests for each zone, from 0 to 1. Where rounding left no room anywhere, what does not stay is
 * spread evenly over the zones that have an endpoint to offer; Envoy draws from all of them.
 */
export function zoneShares(zones: readonly Zone[], own: number): number[] {
  const { local, residual } = zoneRouting(zones, own);
  const stays = local / WHOLE;
  const room = residual.reduce((sum, each) => sum + each, 0);
  const offering = zones.filter(({ available }) => available > 0).length;
  return zones.map(({ available }, index) => {
    const kept = index === own ? stays : 0;
    if (room > 0) return kept + ((1 - stays) * (residual[index] as number)) / room;
    return available > 0 ? kept + (1 - stays) / offering : 0;
  });
}

/**
 * Whether zones are heeded at all: at least two have endpoints, at least two have clients, the client's own among them,
 * and `minEndpoints` can be picked. Of few endpoints a zone has one or two, and their neighbours could not stand in.
 */
export function areZonesHeeded(zones: readonly Zone[], endpointZones: number, own: number, minEndpoints: number): boolean {
  const available = zones.reduce((sum, zone) => sum + zone.available, 0);
  const clientZones = zones.filter(({ clients }) => clients > 0).length;
  return endpointZones >= 2 && clientZones >= 2 && (zones[own]?.clients ?? 0) > 0 && available >= minEndpoints;
}

function partOf(count: number, all: number): number {
  return all === 0 ? 0 : Math.floor((WHOLE * count) / all);
}
