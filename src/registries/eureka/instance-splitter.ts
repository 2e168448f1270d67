/**
 * Cuts Eureka's answers into instances while they arrive.
 *
 * The list of a large registry has ten megabytes, and parsing it at once would hold the event loop for a tenth of a second.
 * So the instances are cut out of the stream as text, to be parsed one by one, and what is left when each of them is
 * replaced by a 0 is a small document that is still JSON: it has the hash of the list, and it shows that the answer
 * is complete.
 *
 * An instance is any object under the key `instance`: a list of them, as servers write it today, or a single one, as
 * old servers wrote an application with one instance.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** More than what remains of the largest registry: an endless answer must not fill the memory. */
const LONGEST_FRAME = 16 * 1_024 * 1_024;

/** Takes the text of an instance, and the name of the application that it stands in. */
export type OnInstance = (json: string, application: string) => void;

export class InstanceSplitter {
  /** What is not inside an instance, byte by byte. */
  private frame = '';
  private application = '';
  /** The instance under way: the parts of it that came in earlier chunks. */
  private parts: Buffer[] = [];
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** Where the string under way began in the frame. */
  private stringAt = 0;
  private lastString = '';
  /** The key whose value comes next. */
  private key: string | undefined = undefined;
  /** For each list or object that is open: whether it is a list, and under which key. */
  private readonly open: { readonly isList: boolean; readonly key: string | undefined }[] = [];

  constructor(private readonly onInstance: OnInstance) {}

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.depth > 0 ? this.inside(chunk, at) : this.outside(chunk, at);
  }

  /** What is left without the instances. @throws SyntaxError for what is not JSON, or not all of it. */
  end(): unknown {
    return JSON.parse(Buffer.from(this.frame, 'latin1').toString('utf8'));
  }

  /** Reads on to the end of the instance, or of the chunk. */
  private inside(chunk: Buffer, from: number): number {
    let { depth, inString, escaped } = this;
    let at = from;
    for (; at < chunk.length && depth > 0; at++) {
      const byte = chunk[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
    }
    this.depth = depth;
    this.inString = inString;
    this.escaped = escaped;
    const part = chunk.subarray(from, at);
    if (depth > 0) {
      this.parts.push(part);
    } else {
      const whole = this.parts.length === 0 ? part : Buffer.concat([...this.parts, part]);
      this.parts = [];
      this.key = undefined;
      this.onInstance(whole.toString('utf8'), this.application);
    }
    return at;
  }

  /** Reads on to the next instance, or to the end of the chunk. */
  private outside(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (!this.inString && byte === OPEN_OBJECT && this.keyHere() === 'instance') {
        this.add('0');
        this.depth = 1;
        this.parts.push(chunk.subarray(at, at + 1));
        return at + 1;
      }
      this.add(String.fromCharCode(byte));
      if (this.inString) this.inText(byte);
      else this.structure(byte);
    }
    return chunk.length;
  }

  private add(text: string): void {
    this.frame += text;
    if (this.frame.length > LONGEST_FRAME) throw new Error('the answer is no list of applications');
  }

  private inText(byte: number): void {
    if (this.escaped) this.escaped = false;
    else if (byte === BACKSLASH) this.escaped = true;
    else if (byte === QUOTE) {
      this.inString = false;
      this.lastString = this.frame.slice(this.stringAt, -1);
      if (this.key === 'name') this.application = Buffer.from(this.lastString, 'latin1').toString('utf8');
    }
  }

  private structure(byte: number): void {
    if (byte === QUOTE) {
      this.inString = true;
      this.stringAt = this.frame.length;
    } else if (byte === COLON) this.key = this.lastString;
    else if (byte === COMMA) this.key = undefined;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      this.open.push({ isList: byte === OPEN_LIST, key: this.keyHere() });
      this.key = undefined;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      this.open.pop();
      this.key = undefined;
    }
  }

  /** The key of what begins here: its own, or that of the list in which it stands. */
  private keyHere(): string | undefined {
    if (this.key !== undefined) return this.key;
    const around = this.open.at(-1);
    return around?.isList === true ? around.key : undefined;
  }
}
