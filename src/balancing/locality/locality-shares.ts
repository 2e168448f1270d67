/**
 * How the traffic of one priority is spread over zones that were given weights: Envoy's locality weighted balancing
 * (`effectiveLocalityWeight` of its upstream_impl.cc).
 *
 * A zone keeps its weight while enough of it is available; below 1 / overprovisioning its weight falls with what is
 * left. Envoy calculates this in floating point, and so does this. Its documentation shows whole per cent, and in one
 * row another number than the code gives: 69 % of the zone with a third of the weight is 32.57 %, printed there as 32.
 */

/** A zone of a priority. */
export interface Locality {
  /** Endpoints that can be picked. */
  readonly available: number;
  /** All endpoints. */
  readonly total: number;
  /** Its share of the traffic while it is whole, relative to the others'. 0 for none. */
  readonly weight: number;
}

/** The share of the traffic for each zone, from 0 to 1. They add up to 1, or are all 0 where nothing is available. */
export function localityShares(localities: readonly Locality[], overprovisioning: number): number[] {
  const effective = localities.map(({ available, total, weight }) =>
    total === 0 ? 0 : weight * Math.min(1, (overprovisioning * available) / total),
  );
  const sum = effective.reduce((before, each) => before + each, 0);
  return effective.map((each) => (sum === 0 ? 0 : each / sum));
}
