import { GrowingBytes } from './growing-bytes.js';
import { JsonObject } from './json-object.js';

/**
 * Takes answers apart while they arrive. The list of a large service has megabytes, and to parse it in one go would hold
 * the event loop, and with it every request of the process, for a tenth of a second. So the objects of the list are cut
 * out as text, to be parsed one by one, and what is left when each of them is replaced by `null` is a small document that
 * is still JSON: it has what the answer says of the list, and it shows that the answer is complete.
 *
 * An answer is one JSON object, or several, one after the other, with or without white space in between: etcd writes no
 * line end after an error in the middle of a stream.
 */

/** Which objects are cut out, and who hears of them. */
export interface ElementReader {
  /** Elements are all objects under this key: a single one, or those of a list. */
  readonly key: string;
  /** The latest text under this key is handed over along with each element. Default: none, and the text is empty. */
  readonly nameKey?: string | undefined;
  /** An element is complete; true if it need not be handed over. It is not made into text then. Default: none is known. */
  isKnown?(bytes: Buffer, name: string): boolean;
  /** An element is complete. */
  element(json: string, name: string): void;
  /** A message is complete: what it says besides its elements. */
  message(value: unknown): void;
}

/** More than any part of any registry's answer has: one without an end must not fill the memory. */
const LONGEST_PART_BYTES = 32 * 1_024 * 1_024;

const NOTHING = Buffer.alloc(0);
const NULL = Buffer.from('null');

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * @example
 * const elements = new JsonElements({ key: 'items', element: (json) => add(JSON.parse(json)), message: ({ metadata }) => done(metadata) });
 * for await (const chunk of body) elements.push(chunk);
 * elements.end();
 */
export class JsonElements {
  private readonly object = new JsonObject(LONGEST_PART_BYTES);
  /** What is not inside of an element. */
  private readonly frame = new GrowingBytes();
  private name = '';
  private inString = false;
  private escaped = false;
  /** The latest string of the frame, byte by byte. */
  private text = '';
  /** The key whose value comes next. */
  private key: string | undefined = undefined;
  /** For each list or object that is open: whether it is a list, and under which key. */
  private readonly open: { readonly isList: boolean; readonly key: string | undefined }[] = [];

  constructor(private readonly reader: ElementReader) {}

  /** Takes the next bytes in. @throws SyntaxError for what is not JSON. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (!this.object.isUnderWay) at = this.around(chunk, at);
      if (at === chunk.length) return;
      at = this.object.read(chunk, at);
      checkLength(this.object.length);
      if (this.object.isUnderWay) continue;
      this.key = undefined;
      const { bytes = NOTHING } = this.object;
      if (this.reader.isKnown?.(bytes, this.name) !== true) this.reader.element(bytes.toString('utf8'), this.name);
    }
  }

  /** There are no more bytes. @throws SyntaxError when a message is not complete. */
  end(): void {
    if (this.open.length > 0) throw new SyntaxError('the answer broke off');
  }

  /** Reads on to where an element begins, or to the end of the chunk. */
  private around(chunk: Buffer, from: number): number {
    let begin = from;
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      if (this.inString) {
        at = this.string(chunk, at);
      } else if (this.open.length === 0 && byte !== OPEN_OBJECT) {
        if (byte > SPACE) throw new SyntaxError(`expected JSON, got '${chunk.toString('utf8', at, at + 40).replace(/\s+/g, ' ')}'`);
        begin = ++at;
      } else if (byte === OPEN_OBJECT && this.keyHere() === this.reader.key) {
        this.keep(chunk, begin, at);
        this.frame.add(NULL, 0, NULL.length);
        return at;
      } else {
        at++;
        this.structure(byte);
        if (this.open.length > 0) continue;
        this.keep(chunk, begin, at);
        begin = at;
        this.endMessage();
      }
    }
    this.keep(chunk, begin, at);
    return at;
  }

  private keep(chunk: Buffer, begin: number, end: number): void {
    if (end > begin) this.frame.add(chunk, begin, end);
    checkLength(this.frame.length);
  }

  /** Reads on to the end of a string, or of the chunk. */
  private string(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && this.inString) {
      const byte = chunk[at++];
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
    }
    this.text += chunk.toString('latin1', from, this.inString ? at : at - 1);
    if (!this.inString && this.key !== undefined && this.key === this.reader.nameKey) this.name = utf8(this.text);
    return at;
  }

  private structure(byte: number): void {
    if (byte === QUOTE) {
      this.inString = true;
      this.text = '';
    } else if (byte === COLON) {
      this.key = this.text;
    } else if (byte === COMMA) {
      this.key = undefined;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
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

  private endMessage(): void {
    const message = this.frame.toString();
    this.frame.clear();
    this.name = '';
    this.reader.message(JSON.parse(message));
  }
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function checkLength(bytes: number): void {
  if (bytes > LONGEST_PART_BYTES) throw new SyntaxError(`one part of the answer has more than ${LONGEST_PART_BYTES} bytes`);
}
