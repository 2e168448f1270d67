/**
 * Headers that follow from other headers and from the option `cache` (Fetch standard, "HTTP-network-or-cache
 * fetch"), and what a call's headers say about the call.
 *
 * Node keeps no cache, so all that is left of the cache modes is what they tell the caches on the way. A
 * conditional request means the one who answers, and no cache before it, so it asks to be passed on; a range
 * is a range of the bytes themselves, so it must not be one of their encoding.
 */

/** What the mesh takes, unless the caller says otherwise. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate';

/** What single headers mean for the rest. */
export interface HeaderTraits {
  readonly conditional: boolean;
  readonly range: boolean;
  readonly idempotencyKey: boolean;
}

const NO_TRAITS: HeaderTraits = { conditional: false, range: false, idempotencyKey: false };
const CONDITIONAL = new Set(['if-modified-since', 'if-none-match', 'if-unmodified-since', 'if-match', 'if-range']);

/** Looks the headers over once, comparing no name that cannot be one of those sought. */
export function headerTraits(headers: readonly string[]): HeaderTraits {
  let traits: { conditional: boolean; range: boolean; idempotencyKey: boolean } | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const first = name.charCodeAt(0) | 0x20;
    if (first !== LOWER_I && first !== LOWER_R) continue;
    const lowerCased = name.toLowerCase();
    if (lowerCased === 'range') {
      traits ??= { ...NO_TRAITS };
      traits.range = true;
    } else if (lowerCased === 'idempotency-key') {
      traits ??= { ...NO_TRAITS };
      traits.idempotencyKey = true;
    } else if (CONDITIONAL.has(lowerCased)) {
      traits ??= { ...NO_TRAITS };
      traits.conditional = true;
    }
  }
  return traits ?? NO_TRAITS;
}

const LOWER_I = 0x69;
const LOWER_R = 0x72;

/** The headers with those that follow from them. The list is the call's own and not changed in place. */
export function withDerivedHeaders(headers: readonly string[], { conditional, range }: HeaderTraits, cache: string): readonly string[] {
  const mode = cache === 'default' && conditional ? 'no-store' : cache;
  if (!range && mode !== 'no-store' && mode !== 'reload' && mode !== 'no-cache') return headers;
  const derived: string[] = [];
  let ownCacheControl = false;
  let ownPragma = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const lowerCased = name.toLowerCase();
    ownCacheControl ||= lowerCased === 'cache-control';
    ownPragma ||= lowerCased === 'pragma';
    derived.push(name, range && lowerCased === 'accept-encoding' && value === ACCEPTED_ENCODINGS ? 'identity' : value);
  }
  if (mode === 'no-cache' && !ownCacheControl) derived.push('cache-control', 'max-age=0');
  if (mode === 'no-store' || mode === 'reload') {
    if (!ownPragma) derived.push('pragma', 'no-cache');
    if (!ownCacheControl) derived.push('cache-control', 'no-cache');
  }
  return derived;
}
