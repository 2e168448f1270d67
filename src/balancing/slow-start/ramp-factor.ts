/** How an endpoint's weight grows while it warms up: see `SlowStartOptions`. */
export interface RampShape {
  readonly windowMs: number;
  readonly aggression: number;
  readonly minWeightPercent: number;
}

/**
 * What part of its weight an endpoint has `ageMs` after its start: Envoy's `applySlowStartFactor`
 * (load_balancer_impl.cc),
 *
 *     max(minWeightPercent / 100, (max(ageMs, 1) / windowMs) ^ (1 / aggression))
 *
 * and all of it once the window is over. It is above 0, however small the least weight is, because the first
 * millisecond counts as over.
 */
export function rampFactor({ windowMs, aggression, minWeightPercent }: RampShape, ageMs: number): number {
  if (ageMs >= windowMs) return 1;
  const passed = Math.min(1, Math.max(ageMs, 1) / windowMs);
  return Math.max(minWeightPercent / 100, aggression === 1 ? passed : passed ** (1 / aggression));
}
