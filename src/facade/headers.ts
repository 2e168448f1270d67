import { isToken } from '../core/http-token.js';

/**
 * The headers of a request as the wire takes them: names and values in turn.
 *
 * The rules are those of `new Headers(init)` (Fetch standard, "fill", "append", "normalize"), and so are the
 * errors, but no Headers is made: that costs a microsecond and more, and nearly all calls bring none or a
 * plain record of a few. Nothing is forbidden that Node's own fetch allows (no list of browser secrets), and
 * names keep the case in which they were written, as they do there.
 */

type HeadersInit = NonNullable<RequestInit['headers']>;

/**
 * @param init a Headers of any realm, pairs, or a record; values are turned into text.
 * @param defaults names and values in turn, for the names that `init` lacks.
 * @throws TypeError for what no header can be made of.
 * @example requestHeaders({ Accept: 'text/html' }, ['accept', '*\/*', 'user-agent', 'me']) // ['Accept', 'text/html', 'user-agent', 'me']
 */
export function requestHeaders(init: HeadersInit | undefined, defaults: readonly string[]): readonly string[] {
  if (init === undefined) return defaults;
  if (typeof init !== 'object' || init === null) {
    throw new TypeError('Headers: expected a Headers object, a sequence of name/value pairs or a record');
  }
  const headers: string[] = [];
  if (Symbol.iterator in init) {
    for (const pair of init as Iterable<unknown>) appendPair(headers, pair);
  } else {
    const record = init as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(record)) append(headers, name, record[name]);
  }
  const ownLength = headers.length;
  for (let i = 0; i < defaults.length; i += 2) {
    const name = defaults[i] as string;
    if (indexOfName(headers, name, ownLength) < 0) headers.push(name, defaults[i + 1] as string);
  }
  return headers;
}

function appendPair(headers: string[], pair: unknown): void {
  if (typeof pair !== 'object' || pair === null || !(Symbol.iterator in pair)) {
    throw new TypeError('Headers: expected each header to be a name/value pair');
  }
  const parts = Array.isArray(pair) ? pair : [...(pair as Iterable<unknown>)];
  if (parts.length !== 2) throw new TypeError(`Headers: expected name/value pair to be length 2, found ${parts.length}.`);
  append(headers, `${parts[0]}`, parts[1]);
}

function append(headers: string[], name: string, value: unknown): void {
  if (!isToken(name)) throw new TypeError(`Headers.append: ${JSON.stringify(name)} is an invalid header name.`);
  const text = normalized(typeof value === 'string' ? value : `${value}`);
  const index = indexOfName(headers, name, headers.length);
  if (index < 0) headers.push(name, text);
  else headers[index + 1] = `${headers[index + 1]}${name.toLowerCase() === 'cookie' ? '; ' : ', '}${text}`;
}

/** Where the header stands among the first `length` entries, or -1. Most differ in length already. */
function indexOfName(headers: readonly string[], name: string, length: number): number {
  for (let i = 0; i < length; i += 2) {
    const other = headers[i] as string;
    if (other.length === name.length && (other === name || other.toLowerCase() === name.toLowerCase())) return i;
  }
  return -1;
}

/** Takes the blanks off the ends, and refuses what would end the header or is no byte. */
function normalized(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff) {
      throw new TypeError(
        `Cannot convert argument to a ByteString because the character at index ${i} has a value of ${code} which is greater than 255.`,
      );
    }
    if (code === 0x0a || code === 0x0d || code === 0) {
      throw new TypeError(`Headers.append: ${JSON.stringify(value)} is an invalid header value.`);
    }
  }
  return end - start === value.length ? value : value.slice(start, end);
}

/** HTTP whitespace bytes: tab, line feed, carriage return, space. */
function isBlank(charCode: number): boolean {
  return charCode === 0x20 || charCode === 0x09 || charCode === 0x0a || charCode === 0x0d;
}
