/**
 * The latencies of a service's endpoints, one histogram a slot.
 *
 * Buckets grow with the value, four to each doubling: a percentile is off by at most 19 %, and an endpoint's whole
 * history costs 170 bytes. The idea is HdrHistogram's, with the fewest buckets that still tell a slow endpoint
 * from a fast one. They lie side by side in pages, because an array of its own for each endpoint would cost more
 * than its numbers; a page is made when one of its endpoints is first used.
 *
 * Counts are halved each time 1,024 samples have come, so that old behaviour fades.
 */
export class LatencyTable {
  private readonly pages: (Uint16Array | undefined)[] = [];

  /** Notes one latency, in milliseconds. */
  record(slot: number, latencyMs: number): void {
    let page = this.pages[slot >> PAGE_BITS];
    if (page === undefined) {
      page = new Uint16Array(SLOTS_A_PAGE * CELLS);
      this.pages[slot >> PAGE_BITS] = page;
    }
    const start = (slot & (SLOTS_A_PAGE - 1)) * CELLS;
    const bucket = start + bucketOf(latencyMs);
    page[bucket] = (page[bucket] as number) + 1;
    const total = (page[start + BUCKETS] as number) + 1;
    page[start + BUCKETS] = total < FADE_AFTER ? total : halve(page, start);
  }

  /** The latency in milliseconds that a `share` (0 to 1) of the samples do not exceed; undefined without samples. */
  percentile(slot: number, share: number): number | undefined {
    const page = this.pages[slot >> PAGE_BITS];
    const start = (slot & (SLOTS_A_PAGE - 1)) * CELLS;
    const total = page?.[start + BUCKETS] ?? 0;
    if (page === undefined || total === 0) return undefined;
    let left = Math.max(1, Math.ceil(share * total));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= page[start + bucket] as number;
      if (left <= 0) return upperEdgeMs(bucket);
    }
    return upperEdgeMs(BUCKETS - 1);
  }

  /** The slot has another endpoint now. */
  clear(slot: number): void {
    const start = (slot & (SLOTS_A_PAGE - 1)) * CELLS;
    this.pages[slot >> PAGE_BITS]?.fill(0, start, start + CELLS);
  }
}

/** From 1/16 ms to 110 s, and behind them their sum. */
const BUCKETS = 84;
const CELLS = BUCKETS + 1;
const FIRST_EDGE_MS = 1 / 16;
const FADE_AFTER = 1024;
const PAGE_BITS = 4;
const SLOTS_A_PAGE = 1 << PAGE_BITS;

function halve(page: Uint16Array, start: number): number {
  let total = 0;
  for (let cell = start; cell < start + BUCKETS; cell++) {
    const halved = (page[cell] as number) >> 1;
    page[cell] = halved;
    total += halved;
  }
  return total;
}

function bucketOf(latencyMs: number): number {
  if (!(latencyMs > FIRST_EDGE_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(4 * Math.log2(latencyMs / FIRST_EDGE_MS)));
}

function upperEdgeMs(bucket: number): number {
  return FIRST_EDGE_MS * 2 ** (bucket / 4);
}
