/** How long requests took, in milliseconds of virtual time. Every number is 0 where there were none. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/**
 * The mean and the percentiles of a list in ascending order. A percentile is exact: the smallest latency that so many
 * requests did not exceed (the nearest rank), one that was measured and no estimate from a histogram.
 */
export function latencySummary(latenciesMs: Float64Array): LatencySummary {
  const count = latenciesMs.length;
  const quantile = (ratio: number): number => (count === 0 ? 0 : (latenciesMs[Math.max(0, Math.ceil(ratio * count) - 1)] as number));
  let sum = 0;
  for (let index = 0; index < count; index++) sum += latenciesMs[index] as number;
  return {
    count,
    meanMs: count === 0 ? 0 : sum / count,
    p50Ms: quantile(0.5),
    p90Ms: quantile(0.9),
    p99Ms: quantile(0.99),
    p999Ms: quantile(0.999),
    maxMs: quantile(1),
  };
}
