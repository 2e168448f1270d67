import type { AffinityKey } from '../../../src/balancing/hashing/affinity-key.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { EndpointView } from '../../../src/core/endpoint-view.js';
import type { Balancer } from '../../../src/core/picker.js';
import type { Random } from '../../../src/core/random.js';
import { aCall, pickerFor } from '../endpoints.js';

/** Picks by keys that the test hands over, and ways to count where they go. */

export type Keyed = (key: string | undefined) => Endpoint | undefined;

export function keyed(view: EndpointView, make: (by: AffinityKey) => Balancer): Keyed {
  let present: string | undefined;
  const picker = pickerFor(
    make(() => present),
    view,
  );
  return (key) => {
    present = key;
    return picker.pick(view, aCall, 0);
  };
}

export function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${index}`);
}

/** The id of each key's endpoint. */
export function homesOf(pick: Keyed, keys: readonly string[]): string[] {
  return keys.map((key) => pick(key)?.id ?? 'none');
}

export function countsOf(ids: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** The largest and the smallest number in units of the average of `among`, which may have more members than `counts`. */
export function spreadOf(counts: ReadonlyMap<string, number>, among: number): { max: number; min: number } {
  const average = [...counts.values()].reduce((sum, count) => sum + count, 0) / among;
  const min = counts.size < among ? 0 : Math.min(...counts.values());
  return { max: Math.max(...counts.values()) / average, min: min / average };
}

/** Draws keys as unevenly as real ones are: the i-th in proportion to i to the power of -exponent. */
export function zipfKeys(count: number, exponent: number, random: Random): () => string {
  const sums: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= count; rank++) {
    total += rank ** -exponent;
    sums.push(total);
  }
  return () => {
    const drawn = random.next() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) <= drawn) low = middle + 1;
      else high = middle;
    }
    return `key-${low}`;
  };
}
