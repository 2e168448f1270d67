import { isToken } from '../core/http-token.js';
import { headerText, type RawHeaders } from '../core/reply.js';

/**
 * A reply's headers, read from what the wire had.
 *
 * Filling a `Headers` costs about two microseconds and most callers ask for one name, `content-type`, so
 * `get` and `has` look it up in the raw list, and the first other question fills the real thing underneath.
 *
 * They are immutable, as those of every answer of fetch: `new Headers(res.headers)` makes a copy to change.
 * Values are latin1 (RFC 9110 section 5.5). Blanks at their ends are no part of them (section 5.6.3), also
 * where the built-in fetch leaves those of the right end standing.
 */
export function replyHeaders(raw: RawHeaders): Headers {
  replyHeadersClass ??= defineReplyHeaders();
  return new replyHeadersClass(raw);
}

type ReplyHeadersClass = new (raw: RawHeaders) => Headers;

/** Made at its first use: to touch `Headers` loads the runtime's fetch, which importing this must not do. */
let replyHeadersClass: ReplyHeadersClass | undefined;

function defineReplyHeaders(): ReplyHeadersClass {
  const platform = Headers.prototype;
  /** The base without its declared members: they are declared as properties, which methods may not override. */
  const HeadersBase = Headers as unknown as new () => object;

  return class ReplyHeaders extends HeadersBase {
    readonly #raw: RawHeaders;
    #filled = false;

    constructor(raw: RawHeaders) {
      super();
      this.#raw = raw;
    }

    static {
      // Whatever else a Headers can do, on this Node or a later one, it does once it is filled.
      for (const key of Reflect.ownKeys(platform)) {
        const descriptor = Object.getOwnPropertyDescriptor(platform, key);
        if (Object.hasOwn(ReplyHeaders.prototype, key) || typeof descriptor?.value !== 'function') continue;
        const method = descriptor.value as (...args: unknown[]) => unknown;
        const value = {
          [key](this: ReplyHeaders, ...args: unknown[]) {
            return Reflect.apply(method, this.#fill(), args);
          },
        }[key as string];
        Object.defineProperty(ReplyHeaders.prototype, key, { ...descriptor, value });
      }
    }

    get(...args: [name: string]): string | null {
      const lowerCased = plainName(args);
      if (lowerCased === undefined) return Reflect.apply(platform.get, this.#fill(), args);
      const separator = lowerCased === 'cookie' ? '; ' : ', ';
      const raw = this.#raw;
      let value: string | null = null;
      for (let i = 0; i < raw.length; i += 2) {
        if (!isNamed(raw[i] as Buffer | string, lowerCased)) continue;
        const one = trimmed(raw[i + 1] as Buffer | string);
        value = value === null ? one : value + separator + one;
      }
      return value;
    }

    has(...args: [name: string]): boolean {
      const lowerCased = plainName(args);
      if (lowerCased === undefined) return Reflect.apply(platform.has, this.#fill(), args);
      const raw = this.#raw;
      for (let i = 0; i < raw.length; i += 2) if (isNamed(raw[i] as Buffer | string, lowerCased)) return true;
      return false;
    }

    append(...args: [name: string, value: string]): void {
      refuseChange('append', args);
    }

    delete(...args: [name: string]): void {
      refuseChange('delete', args);
    }

    set(...args: [name: string, value: string]): void {
      refuseChange('set', args);
    }

    #fill(): this {
      if (this.#filled) return this;
      this.#filled = true;
      const raw = this.#raw;
      for (let i = 0; i < raw.length; i += 2) {
        Reflect.apply(platform.append, this, [headerText(raw[i] as Buffer | string).toLowerCase(), trimmed(raw[i + 1] as Buffer | string)]);
      }
      return this;
    }
  } as unknown as ReplyHeadersClass;
}

/** The one name asked for, in lower case; undefined where it is none, and the platform knows what to throw. */
function plainName(args: readonly unknown[]): string | undefined {
  const [name] = args;
  return typeof name === 'string' && isToken(name) ? name.toLowerCase() : undefined;
}

/** Compares with no more work than a name of that length needs. `lowerCased` is a token. */
function isNamed(key: Buffer | string, lowerCased: string): boolean {
  if (key.length !== lowerCased.length) return false;
  return key === lowerCased || headerText(key).toLowerCase() === lowerCased;
}

/** Without the blanks at its ends. Not `trim`, which would cut the byte A0 off the end of a UTF-8 letter. */
function trimmed(value: Buffer | string): string {
  const text = headerText(value);
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return end - start === text.length ? text : text.slice(start, end);
}

function isBlank(charCode: number): boolean {
  return charCode === 0x20 || charCode === 0x09;
}

/** Throws what an immutable Headers throws: for wrong arguments what they deserve, else that it is immutable. */
function refuseChange(method: 'append' | 'delete' | 'set', args: readonly unknown[]): never {
  Reflect.apply(new Headers()[method], new Headers(), args);
  throw new TypeError('immutable');
}
