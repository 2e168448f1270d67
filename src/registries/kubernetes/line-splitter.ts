/** An object in etcd has at most 1.5 MB: what is longer than this is no line of a watch. */
const LONGEST_LINE_BYTES = 32 * 1_024 * 1_024;

const NEWLINE = 0x0a;

/** Cuts a watch's bytes into its lines, each the JSON of one event. A line is decoded once, when it is complete. */
export class LineSplitter {
  private parts: Buffer[] = [];
  private partBytes = 0;

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<string> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = this.complete(chunk.subarray(from, end));
      from = end + 1;
      if (line !== '') yield line;
    }
    if (from === chunk.length) return;
    this.parts.push(chunk.subarray(from));
    this.partBytes += chunk.length - from;
    if (this.partBytes > LONGEST_LINE_BYTES) throw new SyntaxError('an event is too long');
  }

  private complete(last: Buffer): string {
    if (this.parts.length === 0) return last.toString('utf8');
    const line = Buffer.concat([...this.parts, last]).toString('utf8');
    this.parts = [];
    this.partBytes = 0;
    return line;
  }
}
