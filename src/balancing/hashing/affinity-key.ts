import type { Call } from '../../core/call.js';
import { ConfigError } from '../../core/errors.js';
import { reportFaultOnce } from '../../core/events.js';
import { isToken } from '../../core/http-token.js';
import { wholeNumberIn } from '../../core/options-check.js';
import { hashText } from './hash.js';

/**
 * What the calls that belong together have in common. It is hashed where it stands, without being cut out: a header's
 * value may be long, and a key may be a secret such as a session's id, so nothing keeps it.
 */

/**
 * Where a call's key is taken from.
 *
 * - `header`: the value of this request header.
 * - `cookie`: the value of this cookie of the request, as it is written there.
 * - `pathPart`: this part of the path, counted from 1 to 64: 2 is `42` in `/users/42/orders?all`. As it is written, not
 *   decoded.
 * - A function: what it returns. What it throws, and what is not text, is reported once, and the call has no key.
 *
 * An empty value is no key.
 */
export type AffinityKey =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly pathPart: number }
  | ((call: Call) => string | undefined);

/** Puts the hash of the call's key into the first two places of `into`; false if it has no key. */
export type KeyHasher = (call: Call, into: Int32Array) => boolean;

const SEED = 0;
const MAX_PATH_PART = 64;
const EQUALS = 0x3d;
const SPACE = 0x20;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const TO_LOWER = 0x20;

const EXPECTED = "{ header: 'name' }, { cookie: 'name' }, { pathPart: 2 } or a function";

/** The hasher for an option, which stands at `path`. */
export function keyHasher(path: string, by: AffinityKey): KeyHasher {
  if (typeof by === 'function') return hasherOfFunction(path, by);
  if (typeof by !== 'object' || by === null || Object.keys(by).length !== 1) throw new ConfigError(path, EXPECTED, by);
  if ('header' in by) return hasherOfHeader(token(`${path}.header`, by.header).toLowerCase());
  if ('cookie' in by) return hasherOfCookie(token(`${path}.cookie`, by.cookie));
  if ('pathPart' in by) return hasherOfPathPart(wholeNumberIn(`${path}.pathPart`, by.pathPart, 1, MAX_PATH_PART));
  throw new ConfigError(path, EXPECTED, by);
}

function token(path: string, name: unknown): string {
  if (typeof name === 'string' && isToken(name)) return name;
  throw new ConfigError(path, 'a name as HTTP allows it, such as session-id', name);
}

function hasherOfFunction(path: string, by: (call: Call) => string | undefined): KeyHasher {
  return (call, into) => {
    try {
      const key: unknown = by(call);
      if (key === undefined) return false;
      if (typeof key === 'string') return hashed(key, 0, key.length, into);
      throw new TypeError(`it returned a value of type ${typeof key}, and a key is text`);
    } catch (error) {
      reportFaultOnce(by, path, error);
      return false;
    }
  };
}

function hasherOfHeader(name: string): KeyHasher {
  return ({ headers }, into) => {
    for (let i = 0; i < headers.length; i += 2) {
      if (!isNamed(headers[i] as string, name)) continue;
      const value = headers[i + 1] as string;
      return hashed(value, 0, value.length, into);
    }
    return false;
  };
}

function hasherOfCookie(name: string): KeyHasher {
  return ({ headers }, into) => {
    for (let i = 0; i < headers.length; i += 2) {
      if (isNamed(headers[i] as string, 'cookie') && hashedCookie(headers[i + 1] as string, name, into)) return true;
    }
    return false;
  };
}

/** Looks through `a=1; b=2` (RFC 6265 section 4.2.1). The first cookie of the name counts. */
function hashedCookie(cookies: string, name: string, into: Int32Array): boolean {
  for (let at = 0; at < cookies.length; at++) {
    while (cookies.charCodeAt(at) === SPACE) at++;
    let end = cookies.indexOf(';', at);
    if (end < 0) end = cookies.length;
    if (cookies.startsWith(name, at) && cookies.charCodeAt(at + name.length) === EQUALS) {
      let last = end;
      while (cookies.charCodeAt(last - 1) === SPACE) last--;
      return hashed(cookies, at + name.length + 1, last, into);
    }
    at = end;
  }
  return false;
}

function hasherOfPathPart(part: number): KeyHasher {
  return ({ path }, into) => {
    const query = path.indexOf('?');
    const pathEnd = query < 0 ? path.length : query;
    let start = 1;
    for (let passed = 1; passed < part; passed++) {
      const slash = path.indexOf('/', start);
      if (slash < 0) return false;
      start = slash + 1;
    }
    const slash = path.indexOf('/', start);
    return hashed(path, start, slash < 0 || slash > pathEnd ? pathEnd : slash, into);
  };
}

/** Names of headers have no case. Compared by unit, because lower-casing a name that has capitals makes a new text. */
function isNamed(header: string, lowerCased: string): boolean {
  if (header.length !== lowerCased.length) return false;
  for (let at = 0; at < header.length; at++) {
    const unit = header.charCodeAt(at);
    const isCapital = unit >= CAPITAL_A && unit <= CAPITAL_Z;
    if ((isCapital ? unit + TO_LOWER : unit) !== lowerCased.charCodeAt(at)) return false;
  }
  return true;
}

function hashed(text: string, start: number, end: number, into: Int32Array): boolean {
  if (end <= start) return false;
  hashText(text, start, end, SEED, into);
  return true;
}
