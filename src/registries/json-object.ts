/**
 * Finds the end of a JSON object or list whose bytes come in chunks that are cut anywhere, without parsing it. This looks at
 * every byte of lists that are megabytes long, so it does as little as it can for each.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How a byte outside of strings changes the depth; 2 begins a string. */
const MEANING = new Int8Array(256);
MEANING[QUOTE] = 2;
MEANING[0x7b] = MEANING[0x5b] = 1;
MEANING[0x7d] = MEANING[0x5d] = -1;

export class JsonObject {
  private depth = 0;
  private inString = false;
  private escaped = false;
  private parts: Buffer[] = [];
  private bytesRead = 0;

  /** Of an object of more than `longestBytes`, no more than the beginning is kept. */
  constructor(private readonly longestBytes: number) {}

  /** Its length: so far, or in all. */
  get length(): number {
    return this.bytesRead;
  }

  /** Whether it has begun, and its end is still to come. */
  get isUnderWay(): boolean {
    return this.depth > 0;
  }

  /**
   * Reads on at `from`, where it begins or where an earlier chunk left off. Returns where it ends, or the chunk's length
   * while it is under way.
   */
  read(chunk: Buffer, from: number): number {
    if (!this.isUnderWay) {
      this.parts = [];
      this.bytesRead = 0;
    }
    const end = this.endIn(chunk, from);
    const part = chunk.subarray(from, end);
    // A part holds its whole chunk in memory: of what is too long, only the beginning is wanted.
    if (this.bytesRead <= this.longestBytes) this.parts.push(part);
    this.bytesRead += part.length;
    return end;
  }

  /** All of it, once it is complete; undefined if it is too long. */
  get bytes(): Buffer | undefined {
    if (this.bytesRead > this.longestBytes) return undefined;
    return this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts, this.bytesRead);
  }

  /** The beginning of what is too long. */
  get beginning(): Buffer {
    return this.parts[0] ?? Buffer.alloc(0);
  }

  private endIn(chunk: Buffer, from: number): number {
    let { depth, inString } = this;
    let at = from;
    if (this.escaped && at < chunk.length) {
      at++;
      this.escaped = false;
    }
    while (at < chunk.length) {
      if (inString) {
        let byte = chunk[at++] as number;
        while (byte !== QUOTE && byte !== BACKSLASH && at < chunk.length) byte = chunk[at++] as number;
        if (byte === QUOTE) inString = false;
        else if (byte === BACKSLASH && at++ === chunk.length) this.escaped = true;
        continue;
      }
      let meaning = MEANING[chunk[at++] as number] as number;
      while (meaning === 0 && at < chunk.length) meaning = MEANING[chunk[at++] as number] as number;
      if (meaning === 2) {
        inString = true;
        continue;
      }
      depth += meaning;
      if (depth === 0) break;
    }
    this.depth = depth;
    this.inString = inString;
    return Math.min(at, chunk.length);
  }
}
