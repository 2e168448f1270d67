/**
 * Reads etcd's JSON as it streams in. One answer may hold a thousand instances or more, and to parse it in one go would
 * hold the event loop for as long as it takes. So each object of the answer's list (`kvs` of a range, `events` of a
 * watch) is parsed by itself as soon as it is there, and what stands around the list at its end.
 *
 * It needs no line ends: etcd writes none after an error in the middle of a stream.
 */

/** Hears what was read. */
export interface JsonElementsReader {
  /** An object of the outermost list of the message that is coming in. */
  element(value: unknown): void;
  /** A message is complete; the objects that `element` heard are left out of it. */
  message(value: unknown): void;
}

/** etcd takes no request above 1.5 MB by default, and warns above 10 MB. */
const LONGEST_PART = 32 * 1_024 * 1_024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Takes JSON in pieces, cut anywhere, and tells a reader of its parts.
 *
 * @example
 * const parser = new JsonElements({ element: (kv) => add(kv), message: ({ header }) => done(header) });
 * for await (const piece of stream) parser.feed(piece);
 */
export class JsonElements {
  private depth = 0;
  /** How deep the objects of the outermost list stand; 0 outside of it. */
  private listDepth = 0;
  private isInElement = false;
  private isAfterElement = false;
  private isInString = false;
  private isEscaped = false;
  /** The beginning of the element that is coming in, and of what stands around. */
  private element = '';
  private envelope = '';

  constructor(private readonly reader: JsonElementsReader) {}

  /** Whether a message has begun and is not complete. */
  get isMidway(): boolean {
    return this.depth > 0;
  }

  /** @throws Error for what is no JSON object. */
  feed(text: string): void {
    let start = 0;
    let at = 0;
    while (at < text.length) {
      if (this.isInString) {
        at = this.skipString(text, at);
        continue;
      }
      const code = text.charCodeAt(at);
      if (this.depth === 0) {
        if (code !== OPENING_BRACE) {
          if (code > 0x20) throw new Error(`expected JSON, got '${text.slice(at, at + 40).replace(/\s+/g, ' ')}'`);
          start = ++at;
          continue;
        }
        start = at;
      }
      if (code === QUOTE) this.isInString = true;
      else if (code === OPENING_BRACE || code === OPENING_BRACKET) {
        if (code === OPENING_BRACE && !this.isInElement && this.listDepth > 0 && this.depth === this.listDepth) {
          this.keep(text.slice(start, at));
          start = at;
          this.isInElement = true;
        }
        this.depth++;
        if (code === OPENING_BRACKET && this.listDepth === 0) this.listDepth = this.depth;
      } else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) {
        this.depth--;
        if (this.isInElement && this.depth === this.listDepth) {
          this.keep(text.slice(start, at + 1));
          start = at + 1;
          this.endElement();
        } else if (!this.isInElement && this.depth < this.listDepth) {
          this.listDepth = 0;
          this.isAfterElement = false;
        }
        if (this.depth === 0) {
          this.keep(text.slice(start, at + 1));
          start = at + 1;
          this.endMessage();
        }
      } else if (code === COMMA && this.isAfterElement && this.depth === this.listDepth) {
        // What separates the elements goes with them.
        start = at + 1;
        this.isAfterElement = false;
      }
      at++;
    }
    if (this.depth > 0) this.keep(text.slice(start));
  }

  /** Goes to the string's end, or to the text's. Values are base64, so this is where nearly all of the text is passed by. */
  private skipString(text: string, from: number): number {
    if (this.isEscaped) {
      this.isEscaped = false;
      return from + 1;
    }
    const quote = text.indexOf('"', from);
    const end = quote < 0 ? text.length : quote;
    let backslashes = 0;
    while (end - backslashes > from && text.charCodeAt(end - backslashes - 1) === BACKSLASH) backslashes++;
    const isEscaped = backslashes % 2 === 1;
    if (quote < 0) {
      this.isEscaped = isEscaped;
      return end;
    }
    this.isInString = isEscaped;
    return end + 1;
  }

  private keep(text: string): void {
    if (this.isInElement) this.element += text;
    else this.envelope += text;
    const { length } = this.isInElement ? this.element : this.envelope;
    if (length > LONGEST_PART) throw new Error(`one part of its answer has more than ${LONGEST_PART} characters`);
  }

  private endElement(): void {
    const text = this.element;
    this.element = '';
    this.isInElement = false;
    this.isAfterElement = true;
    this.reader.element(JSON.parse(text));
  }

  private endMessage(): void {
    const text = this.envelope;
    this.envelope = '';
    this.listDepth = 0;
    this.isAfterElement = false;
    this.reader.message(JSON.parse(text));
  }
}
