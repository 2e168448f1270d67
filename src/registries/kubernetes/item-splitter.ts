/**
 * Reads the JSON of a Kubernetes list as it arrives, one item at a time.
 *
 * A list of 10,000 endpoints is 4 MB of JSON; parsing it as a whole would hold the event loop, and with it every
 * request of the process, for tens of milliseconds. An item (a slice of a hundred endpoints) takes a fraction of one. So
 * the bytes are only scanned for where items begin and end, and what is left without them (the list's own metadata) is
 * parsed at the end.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Items are the objects in an array of the outermost object: `{"items":[ITEM,ITEM]}`. */
const ITEM_DEPTH = 3;
/** An object in etcd has at most 1.5 MB: what is longer than this is no item. */
const LONGEST_ITEM_BYTES = 32 * 1_024 * 1_024;

export class ItemSplitter {
  private depth = 0;
  private inString = false;
  private isEscaped = false;
  /** Whether the container at depth 2 is an array. */
  private inArray = false;
  private inItem = false;
  private parts: Buffer[] = [];
  private partBytes = 0;
  private rest = '';

  /** `onItem` gets the text of each item. */
  constructor(private readonly onItem: (json: string) => void) {}

  push(chunk: Buffer): void {
    // Locals, since this looks at every byte of lists that are megabytes long.
    let { depth, inString, isEscaped } = this;
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        depth++;
        if (depth === 2) this.inArray = byte === OPEN_ARRAY;
        if (depth === ITEM_DEPTH && this.inArray) {
          this.keep(chunk.subarray(from, at));
          from = at;
          this.inItem = true;
        }
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth--;
        if (depth === ITEM_DEPTH - 1 && this.inItem) {
          this.keep(chunk.subarray(from, at + 1));
          from = at + 1;
          this.inItem = false;
          this.onItem(this.take());
        }
      } else if (byte === COMMA && depth === 2 && this.inArray) {
        // What stands between items is not left over.
        this.keep(chunk.subarray(from, at));
        from = at + 1;
      }
    }
    this.keep(chunk.subarray(from));
    this.depth = depth;
    this.inString = inString;
    this.isEscaped = isEscaped;
  }

  /** What the list says besides its items. @throws SyntaxError if it was not JSON, or not all of it came. */
  end(): unknown {
    return JSON.parse(this.rest);
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    if (this.inItem) {
      // The reader reuses no chunk, so that parts need no copy.
      this.parts.push(part);
      this.partBytes += part.length;
    } else {
      this.rest += part.toString('latin1');
    }
    if (this.partBytes > LONGEST_ITEM_BYTES || this.rest.length > LONGEST_ITEM_BYTES) throw new SyntaxError('an item is too long');
  }

  private take(): string {
    const json = this.parts.length === 1 ? (this.parts[0] as Buffer).toString('utf8') : Buffer.concat(this.parts).toString('utf8');
    this.parts = [];
    this.partBytes = 0;
    return json;
  }
}
