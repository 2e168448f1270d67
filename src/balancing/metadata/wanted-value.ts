import type { Call } from '../../core/call.js';
import { ConfigError } from '../../core/errors.js';
import { reportFaultOnce } from '../../core/events.js';
import { isToken } from '../../core/http-token.js';

/**
 * What value of one key of the metadata a call wants.
 *
 * - A text: every call wants this value.
 * - `header`: the value of this request header.
 * - A function: what it returns. What it throws, and what is not text, is reported once, and the call wants none.
 *
 * An empty value is none.
 */
export type WantedValue = string | { readonly header: string } | ((call: Call) => string | undefined);

/** Reads the value that a call wants, or undefined where it wants none. */
export type ValueReader = (call: Call) => string | undefined;

const EXPECTED = "a value, { header: 'name' } or a function";

/** The reader for an option, which stands at `path`. */
export function valueReader(path: string, wanted: WantedValue): ValueReader {
  if (typeof wanted === 'string' && wanted !== '') return () => wanted;
  if (typeof wanted === 'function') return readerOfFunction(path, wanted);
  if (typeof wanted !== 'object' || wanted === null || Object.keys(wanted).length !== 1 || !('header' in wanted))
    throw new ConfigError(path, EXPECTED, wanted);
  const { header } = wanted;
  if (typeof header !== 'string' || !isToken(header))
    throw new ConfigError(`${path}.header`, 'a name as HTTP allows it, such as x-version', header);
  return readerOfHeader(header.toLowerCase());
}

function readerOfFunction(path: string, wanted: (call: Call) => string | undefined): ValueReader {
  return (call) => {
    try {
      const value: unknown = wanted(call);
      if (value === undefined || value === '') return undefined;
      if (typeof value === 'string') return value;
      throw new TypeError(`it returned a value of type ${typeof value}, and what is wanted is text`);
    } catch (error) {
      reportFaultOnce(wanted, path, error);
      return undefined;
    }
  };
}

/** Compares by length first: lower-casing a name that has capitals makes a new text. */
function readerOfHeader(name: string): ValueReader {
  return ({ headers }) => {
    for (let i = 0; i < headers.length; i += 2) {
      const header = headers[i] as string;
      if (header.length !== name.length || (header !== name && header.toLowerCase() !== name)) continue;
      const value = headers[i + 1] as string;
      return value === '' ? undefined : value;
    }
    return undefined;
  };
}
