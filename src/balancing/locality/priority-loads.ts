/**
 * How much of the traffic goes to which priority: Envoy's arithmetic, to the integer (`recalculatePerPriorityState`,
 * `recalculatePerPriorityPanic` and `recalculateLoadInTotalPanic` of its load_balancer_impl.cc).
 *
 * A priority is believed to have spare capacity: with an overprovisioning factor of 1.4 it counts as whole until less
 * than 71.4 % of it is available, and only then does traffic go on to the next. It goes over gently, a per cent at a
 * time, and not all at once when the last endpoint falls.
 *
 * All divisions round down, and what that leaves of the hundred goes to the first priority that has health. Two rows
 * of Envoy's documentation are rounded another way than its code does it: (25, 25, 20 %) is 37/35/28 and not
 * 36/36/28, and (5, 65 %) is 8/92 and not 7/93. The code is followed.
 */

/** What there is at one priority. */
export interface Level {
  /** Endpoints that can be picked. */
  readonly available: number;
  /** All endpoints. */
  readonly total: number;
}

/** How whole each level is: per cent, overprovisioning included, at most 100. 0 where there is no endpoint. */
export function healthOf(levels: readonly Level[], overprovisioning: number): number[] {
  // Envoy is configured in whole per cent; 1.1 * 100 would be 110.00000000000001.
  const percent = Math.round(overprovisioning * 100);
  return levels.map(({ available, total }) => (total === 0 ? 0 : Math.min(100, Math.floor((percent * available) / total))));
}

/** Per cent of the traffic for each level, of the highest priority first, panic aside. The first level gets all if none has health. */
export function priorityLoads(levels: readonly Level[], overprovisioning: number): number[] {
  const health = healthOf(levels, overprovisioning);
  const whole = wholenessOf(health);
  if (whole === 0) return levels.map((_, index) => (index === 0 ? 100 : 0));
  let left = 100;
  const loads = health.map((each) => {
    const load = Math.min(left, Math.floor((each * 100) / whole));
    left -= load;
    return load;
  });
  return withRest(loads, left, (index) => (health[index] as number) > 0);
}

/** Per cent of the traffic in proportion to `counts`: what Envoy does when all levels are in panic. The first gets all if all are 0. */
export function proportionalLoads(counts: readonly number[]): number[] {
  const sum = counts.reduce((before, count) => before + count, 0);
  if (sum === 0) return counts.map((_, index) => (index === 0 ? 100 : 0));
  const loads = counts.map((count) => Math.floor((100 * count) / sum));
  const left = loads.reduce((rest, load) => rest - load, 100);
  return withRest(loads, left, (index) => (counts[index] as number) > 0);
}

/**
 * Which levels are in panic: those with less than `panicRatio` of their endpoints available, unless all levels together
 * are whole, since then there is enough for all the traffic somewhere.
 */
export function panicOf(levels: readonly Level[], overprovisioning: number, panicRatio: number): boolean[] {
  const enough = wholenessOf(healthOf(levels, overprovisioning)) === 100;
  return levels.map(({ available, total }) => !enough && (total === 0 ? 0 : available / total) < panicRatio);
}

/** Envoy's normalised total health. */
function wholenessOf(health: readonly number[]): number {
  return Math.min(
    100,
    health.reduce((sum, each) => sum + each, 0),
  );
}

function withRest(loads: number[], left: number, isFit: (index: number) => boolean): number[] {
  const first = loads.findIndex((_, index) => isFit(index));
  return loads.map((load, index) => (index === first ? load + left : load));
}
