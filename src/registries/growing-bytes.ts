const SMALLEST_BYTES = 1_024;

/**
 * Bytes that are put together from many small pieces. A string that is added to piece by piece is cheap only until it is
 * read: then one of ten thousand pieces is joined in one go, which held the event loop for three milliseconds.
 */
export class GrowingBytes {
  private bytes = Buffer.allocUnsafe(SMALLEST_BYTES);
  private used = 0;

  get length(): number {
    return this.used;
  }

  add(source: Buffer, begin: number, end: number): void {
    const used = this.used + end - begin;
    if (used > this.bytes.length) this.grow(used);
    source.copy(this.bytes, this.used, begin, end);
    this.used = used;
  }

  clear(): void {
    this.used = 0;
    // What one long answer needed is not kept for the short ones after it.
    if (this.bytes.length > SMALLEST_BYTES) this.bytes = Buffer.allocUnsafe(SMALLEST_BYTES);
  }

  toString(): string {
    return this.bytes.toString('utf8', 0, this.used);
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
  }
}
