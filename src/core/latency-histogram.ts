/**
 * Latencies counted in buckets whose width grows with the value, four to each doubling: a percentile is off
 * by at most 19 %, and an endpoint's whole history costs some hundred bytes. The idea of HdrHistogram with
 * the fewest buckets that still tell a slow endpoint from a fast one.
 *
 * Counts are halved each time 1,024 samples have come, so that old behaviour fades.
 */
export class LatencyHistogram {
  private readonly counts = new Uint16Array(BUCKETS);
  private total = 0;

  /** Notes one latency, in milliseconds. */
  record(latencyMs: number): void {
    const index = bucketOf(latencyMs);
    this.counts[index] = (this.counts[index] as number) + 1;
    if (++this.total < FADE_AFTER) return;
    this.total = 0;
    for (let i = 0; i < BUCKETS; i++) {
      const halved = (this.counts[i] as number) >> 1;
      this.counts[i] = halved;
      this.total += halved;
    }
  }

  /** The latency in milliseconds that a `share` (0 to 1) of the samples do not exceed; undefined without samples. */
  percentile(share: number): number | undefined {
    if (this.total === 0) return undefined;
    let left = Math.max(1, Math.ceil(share * this.total));
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.counts[i] as number;
      if (left <= 0) return upperEdgeMs(i);
    }
    return upperEdgeMs(BUCKETS - 1);
  }
}

/** From 1/16 ms to 110 s. */
const BUCKETS = 84;
const FIRST_EDGE_MS = 1 / 16;
const FADE_AFTER = 1024;

function bucketOf(latencyMs: number): number {
  if (!(latencyMs > FIRST_EDGE_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(4 * Math.log2(latencyMs / FIRST_EDGE_MS)));
}

function upperEdgeMs(bucket: number): number {
  return FIRST_EDGE_MS * 2 ** (bucket / 4);
}
