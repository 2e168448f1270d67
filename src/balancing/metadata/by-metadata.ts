import { ConfigError } from '../../core/errors.js';
import { knownKeys, wholeNumberIn } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { type MetadataFallback, MetadataPicker, type MetadataSettings } from './metadata-picker.js';
import { valueReader, type WantedValue } from './wanted-value.js';

/** Options of `byMetadata`. */
export interface MetadataOptions {
  /**
   * By key of the endpoints' metadata, from 1 to 4 of them: what value a call wants. A text is wanted by every call,
   * `{ header: 'x-version' }` is the value of that request header, and a function returns it, or undefined. Where a call wants
   * no value, the key does not matter.
   */
  readonly by: Readonly<Record<string, WantedValue>>;
  /**
   * Where a call goes for which there is nobody to pick: nowhere ('none'), to 'any' endpoint, or to those that have
   * these values, of some of the keys. The same for a call that wants nothing. Default 'none', as in Envoy.
   */
  readonly fallback?: 'none' | 'any' | Readonly<Record<string, string>> | undefined;
  /** How many parts of the endpoints are kept at a time. From 1 to 10,000. Default 100. The one used least recently goes. */
  readonly maxParts?: number | undefined;
}

/** 15 combinations for an endpoint that has them all. */
const MAX_KEYS = 4;

/**
 * Sends a call to endpoints that have the metadata which it wants: one version, the endpoints of one tenant, those
 * with a large memory. What Envoy calls the subset load balancer.
 *
 * Each combination of values that was asked for is a part of the endpoints, with a picker of `inner` that sees that part
 * alone. Retries stay within it; a call that names its endpoint does not. What no endpoint has costs nothing to ask for.
 *
 * Unlike Envoy's, a part falls back not only where it has no endpoints, but also where none of them can be picked.
 *
 * A change of one endpoint costs work for its 2^keys - 1 combinations, whatever the number of others. Only the first call
 * for a part looks at all endpoints. A part takes four bytes for each endpoint of the service, and a picker.
 *
 * @throws ConfigError when `by` is missing, or an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, defaults: { balancer: byMetadata(p2c(), { by: { version: { header: 'x-version' } }, fallback: { version: 'v1' } }) } });
 */
export function byMetadata(inner: Balancer, options: MetadataOptions): Balancer {
  if (typeof inner?.build !== 'function') throw new ConfigError('byMetadata', 'around a balancer, such as p2c()', inner);
  knownKeys('byMetadata', options, ['by', 'fallback', 'maxParts']);
  const { by } = options;
  if (typeof by !== 'object' || by === null || Array.isArray(by))
    throw new ConfigError('byMetadata.by', 'an object of wanted values by key of the metadata', by);
  const keys = Object.keys(by);
  if (keys.length === 0 || keys.length > MAX_KEYS) throw new ConfigError('byMetadata.by', `an object of 1 to ${MAX_KEYS} keys`, by);
  const settings: MetadataSettings = {
    keys,
    readers: keys.map((key) => valueReader(`byMetadata.by.${key}`, by[key] as WantedValue)),
    fallback: fallbackOf(options.fallback ?? 'none', keys),
    maxParts: wholeNumberIn('byMetadata.maxParts', options.maxParts ?? 100, 1, 10_000),
  };
  return { name: `byMetadata(${inner.name})`, build: (scope) => new MetadataPicker(settings, inner, scope) };
}

function fallbackOf(given: NonNullable<MetadataOptions['fallback']>, keys: readonly string[]): MetadataFallback {
  if (given === 'none' || given === 'any') return given;
  const path = 'byMetadata.fallback';
  if (typeof given !== 'object' || given === null || Object.keys(given).length === 0)
    throw new ConfigError(path, "'none', 'any' or an object of values by key of the metadata", given);
  knownKeys(path, given, keys);
  for (const [key, value] of Object.entries(given)) {
    if (typeof value !== 'string' || value === '') throw new ConfigError(`${path}.${key}`, 'a value that is not empty', value);
  }
  return keys.map((key) => (Object.hasOwn(given, key) ? given[key] : undefined));
}
