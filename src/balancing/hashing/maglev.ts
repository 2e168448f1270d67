import { ConfigError } from '../../core/errors.js';
import { knownKeys } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { AFFINITY_KEYS, type AffinityOptions, affinitySettings } from './affinity-options.js';
import { AffinityPicker } from './affinity-picker.js';
import { MaglevTable } from './maglev-table.js';

/** Options of `maglev`. */
export interface MaglevOptions extends AffinityOptions {
  /**
   * How many places the table has, which the endpoints share: a prime number from 2 to 5,000,011. A hundred times the
   * number of endpoints keeps their shares equal to one per cent. Default 65,537.
   */
  readonly tableSize?: number | undefined;
}

/** Envoy's limit. */
const MAX_TABLE_SIZE = 5_000_011;

/**
 * Calls with the same key go to the same endpoint, and the keys are spread as evenly as can be: Maglev's table. For
 * caches on the other side, and for sessions that are merely cheaper where they began.
 *
 * When an endpoint joins or leaves, about one in two hundred of the others' keys moves too, which `ringHash` avoids
 * and pays for with uneven shares. While an endpoint is shut, only its keys go elsewhere. A popular key is spread over
 * more endpoints as soon as it makes up more than `loadBound` allows, and so is any key with as many requests in
 * flight. Where two requests must never meet on different endpoints, no balancer helps.
 *
 * The table takes 4 bytes a place. A change of the list, or of a weight in it, makes it anew at the next pick, which then
 * takes about 4 ms with 1,000 endpoints and 10 ms with 10,000; with 5,000,011 places, a second.
 *
 * @throws ConfigError when `by` is missing, or an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, services: { profiles: { balancer: maglev({ by: { header: 'x-user' } }) } } });
 */
export function maglev(options: MaglevOptions): Balancer {
  knownKeys('maglev', options, [...AFFINITY_KEYS, 'tableSize']);
  const settings = affinitySettings('maglev', options);
  const tableSize = options.tableSize ?? 65_537;
  if (!isPrime(tableSize) || tableSize > MAX_TABLE_SIZE)
    throw new ConfigError('maglev.tableSize', `a prime number from 2 to ${MAX_TABLE_SIZE}`, tableSize);
  return { name: 'maglev', build: (scope) => new AffinityPicker(settings, scope, (members) => new MaglevTable(members, tableSize)) };
}

function isPrime(value: number): boolean {
  if (!Number.isSafeInteger(value) || value < 2) return false;
  const last = Math.min(Math.sqrt(value), Math.sqrt(MAX_TABLE_SIZE));
  for (let divisor = 2; divisor <= last; divisor++) if (value % divisor === 0) return false;
  return true;
}
