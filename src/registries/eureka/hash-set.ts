const SMALLEST_PLACES = 1_024;
/** Zero marks a free place. */
const FREE = 0;

/**
 * A set of hashes. Ten thousand numbers in a `Set` are as many objects, made anew with each answer, which the garbage
 * collector has to carry from one half of its young space to the other; here they are one piece of memory that is used again.
 */
export class HashSet {
  private places = new Float64Array(SMALLEST_PLACES);
  private count = 0;

  /** @param hash A whole number of 53 bits, whose lower ones are as good as the others. */
  has(hash: number): boolean {
    const key = keyOf(hash);
    return this.places[this.placeOf(key)] === key;
  }

  /** Takes a hash in, unless it is there already. */
  add(hash: number): void {
    const key = keyOf(hash);
    const place = this.placeOf(key);
    if (this.places[place] === key) return;
    this.places[place] = key;
    this.count++;
    if (this.count * 2 > this.places.length) this.grow();
  }

  /** Takes all out. The memory is kept, unless most of it was not used. */
  clear(): void {
    const { length } = this.places;
    if (length > SMALLEST_PLACES && this.count * 8 < length) this.places = new Float64Array(length / 2);
    else this.places.fill(FREE);
    this.count = 0;
  }

  /** Where the key is, or may be put. At least half of the places are free, so that the search ends. */
  private placeOf(key: number): number {
    const { places } = this;
    const last = places.length - 1;
    // `| 0` takes the lowest 32 bits; there are as many places as a power of two.
    let place = (key | 0) & last;
    for (let there = places[place]; there !== key && there !== FREE; there = places[place]) place = (place + 1) & last;
    return place;
  }

  private grow(): void {
    const before = this.places;
    this.places = new Float64Array(2 * before.length);
    for (const key of before) if (key !== FREE) this.places[this.placeOf(key)] = key;
  }
}

function keyOf(hash: number): number {
  return hash === FREE ? 1 : hash;
}
