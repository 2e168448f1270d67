import { crc32 } from 'node:zlib';
import { JsonObject } from '../json-object.js';

/**
 * Takes a JSON list of objects apart while it comes, without parsing it.
 *
 * Consul sends the whole list of a service for each change: 13 MB for ten thousand instances, which take JSON.parse 60
 * to 80 ms at a stretch. But nearly all of it says what the last list said, in the same order. So the reader says which
 * bytes it expects, as a checksum, and bytes that are as expected are passed over at the speed of the checksum. What is
 * left is searched for the ends of its objects, chunk by chunk as they come in, and only those are parsed.
 */

/** What the bytes of an object are known by. Two texts of one length share it once in four billion. */
export interface Fingerprint {
  readonly length: number;
  readonly checksum: number;
}

/** Who is given the parts of the list. */
export interface ElementReader {
  /** What the next object is likely to be. */
  expected(): Fingerprint | undefined;
  /** The next object is what was expected. */
  asExpected(): void;
  /** The next object. The bytes are the reader's only until it returns. */
  element(bytes: Buffer, fingerprint: Fingerprint): void;
  /** An object that is longer than what is kept of one: its beginning, and its length in bytes. */
  oversized(beginning: Buffer, length: number): void;
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const SPACE = 0x20;

export class ListElements {
  private readonly object: JsonObject;
  private state: 'before' | 'within' | 'over' = 'before';

  /** Elements of more than `longestBytes` are not kept. */
  constructor(
    private readonly reader: ElementReader,
    longestBytes: number,
  ) {
    this.object = new JsonObject(longestBytes);
  }

  /** Takes the next bytes in. @throws SyntaxError for what cannot be a list of objects. */
  push(chunk: Buffer): void {
    let at = this.object.isUnderWay ? this.read(chunk, 0) : 0;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      const isWithin = this.state === 'within';
      if (byte <= SPACE || (byte === COMMA && isWithin)) {
        at++;
      } else if (byte === OPEN_BRACE && isWithin) {
        at = this.passOver(chunk, at) ?? this.read(chunk, at);
      } else {
        this.outside(byte);
        at++;
      }
    }
  }

  /** There are no more bytes. @throws SyntaxError when the list is not complete. */
  end(): void {
    if (this.state !== 'over') throw new SyntaxError('it ends in the middle of the list');
  }

  /** Where the element at `begin` ends, if it is the expected one and all of it is here. */
  private passOver(chunk: Buffer, begin: number): number | undefined {
    const expected = this.reader.expected();
    if (expected === undefined) return undefined;
    const end = begin + expected.length;
    if (end > chunk.length || crc32(chunk.subarray(begin, end)) !== expected.checksum) return undefined;
    this.reader.asExpected();
    return end;
  }

  /** Goes on with an element. Returns where it ends. */
  private read(chunk: Buffer, from: number): number {
    const { object, reader } = this;
    const end = object.read(chunk, from);
    if (object.isUnderWay) return end;
    const { bytes, length } = object;
    if (bytes === undefined) reader.oversized(object.beginning, length);
    else reader.element(bytes, { length, checksum: crc32(bytes) });
    return end;
  }

  /** A byte before or after the list, or one that begins or ends it. */
  private outside(byte: number): void {
    if (this.state === 'before' && byte === OPEN_BRACKET) this.state = 'within';
    else if (this.state === 'within' && byte === CLOSE_BRACKET) this.state = 'over';
    else throw new SyntaxError(`it is no JSON list of objects (it has a '${String.fromCharCode(byte)}' where there must be none)`);
  }
}
