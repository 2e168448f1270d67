import { ConfigError } from './errors.js';

/**
 * Checks of options. Each returns the value, so that a default and its check stand in one line; each error
 * names the option as the user wrote it, what was expected, and what was there.
 */

/** A number within bounds (both included). Infinity passes only where `max` is Infinity. */
export function numberIn(path: string, value: unknown, min: number, max: number, unit = ''): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new ConfigError(path, `a number${unit === '' ? '' : ` of ${unit}`} ${range(min, max)}`, value);
}

/** A whole number within bounds (both included). Infinity passes only where `max` is Infinity. */
export function wholeNumberIn(path: string, value: unknown, min: number, max: number, unit = ''): number {
  if (typeof value === 'number' && value >= min && value <= max && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY))
    return value;
  throw new ConfigError(path, `a whole number${unit === '' ? '' : ` of ${unit}`} ${range(min, max)}`, value);
}

/** A time in milliseconds, more than 0. Infinity, where it is `allowed`, means never. */
export function durationMs(path: string, value: unknown, { infinite = false }: { readonly infinite?: boolean } = {}): number {
  if (typeof value === 'number' && value > 0 && (infinite || value !== Number.POSITIVE_INFINITY)) return value;
  throw new ConfigError(path, `a number of milliseconds above 0${infinite ? ' (Infinity for none)' : ''}`, value);
}

/** An object whose keys are all known: a misspelt option is an error and not a silent default. */
export function knownKeys(path: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError(path === '' ? 'the options' : path, 'an object of options', value);
  for (const [key, given] of Object.entries(value)) {
    if (known.includes(key)) continue;
    throw new ConfigError(path === '' ? key : `${path}.${key}`, `one of the options ${known.join(', ')} (unknown option '${key}')`, given);
  }
}

function range(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return `of at least ${min}`;
  return `from ${min} to ${max}`;
}

/** One of a few values. */
export function oneOf<const Choice extends string>(path: string, value: unknown, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw new ConfigError(path, choices.map((each) => `'${each}'`).join(' or '), value);
}

/** A truth value. */
export function trueOrFalse(path: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConfigError(path, 'true or false', value);
}
