/**
 * A fingerprint of all that happened in a run, in order: what happened, to whom, and when to the last bit. Two runs
 * that differ in anything have different ones, as far as 64 bits can tell.
 */
export class EventHash {
  private high = 0x6a09e667;
  private low = 0xbb67ae85 | 0;
  private readonly time = new Float64Array(1);
  private readonly bits = new Int32Array(this.time.buffer);

  /** Something happened: `kind` says what, `subject` to whom. */
  add(kind: number, subject: number, atMs: number): void {
    this.time[0] = atMs;
    this.low = mix(this.low ^ (this.bits[0] as number), (kind << 24) ^ subject);
    this.high = mix(this.high ^ (this.bits[1] as number), this.low);
  }

  /** Sixteen hexadecimal digits. */
  digest(): string {
    return hex(mix(this.high, this.low)) + hex(mix(this.low, this.high));
  }
}

function mix(state: number, value: number): number {
  let mixed = Math.imul(state ^ value, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) + value;
  return mixed ^ (mixed >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
