/** How many endpoints have which weight: tells whether all weigh the same, and the largest weight, without looking at all of them. */
export class WeightCensus {
  /** Whether all weights are the same. */
  uniform = true;
  /** The largest weight; 0 when there is none. */
  largest = 0;
  private readonly counts = new Map<number, number>();

  /** One endpoint of this weight more (+1) or fewer (-1). Costs work for the different weights there are if that changes which. */
  count(weight: number, change: 1 | -1): void {
    const count = (this.counts.get(weight) ?? 0) + change;
    if (count > 0) this.counts.set(weight, count);
    else this.counts.delete(weight);
    if (count > 1 || (count === 1 && change === -1)) return;
    this.uniform = this.counts.size <= 1;
    this.largest = 0;
    for (const each of this.counts.keys()) if (each > this.largest) this.largest = each;
  }
}
