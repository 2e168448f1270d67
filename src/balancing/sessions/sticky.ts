import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, trueOrFalse, wholeNumberIn } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { type AffinityKey, keyHasher } from '../hashing/affinity-key.js';
import { StickyPicker, type StickySettings } from './sticky-picker.js';

/** Options of `sticky`. */
export interface StickyOptions {
  /** What the requests of a session have in common. */
  readonly by: AffinityKey;
  /** How many sessions are remembered; those used longest ago are forgotten. From 1 to 10,000,000. Default 10,000. */
  readonly maxSessions?: number | undefined;
  /** After how many milliseconds without a request a session is over. Above 0; Infinity for never. Default 1,800,000 (30 minutes). */
  readonly idleMs?: number | undefined;
  /** Whether a session goes back to its endpoint once that is no longer broken. Default false: it stays where it went. */
  readonly returns?: boolean | undefined;
}

/**
 * Keeps the requests of a session with the endpoint that `inner` chose for the first of them, for as long as that can be
 * picked. Endpoints that join take no session from others, and new sessions go where there is room.
 *
 * When its endpoint leaves the list or breaks, a session goes to another one that `inner` chooses, and stays there; with
 * `returns` it comes back to one that was broken. From one that is merely busy it is away for as long as that is so. Calls
 * without a key go where `inner` says.
 *
 * It is the memory of this process alone. Where several processes must send a session to the same endpoint, or one
 * process after a restart, take `maglev`, which remembers nothing. Put it around `byLocality` and `subset`, and within
 * `byMetadata`.
 *
 * A session takes about 50 bytes and its key is not kept. A pick costs a look into a table, and allocates nothing; no
 * timer runs. An endpoint that goes costs one step, however many sessions it has.
 *
 * @throws ConfigError when `by` is missing, or an option is unknown or out of its range.
 * @example
 * createMesh({ discovery, services: { carts: { balancer: sticky(p2c(), { by: { cookie: 'session' } }) } } });
 */
export function sticky(inner: Balancer, options: StickyOptions): Balancer {
  if (typeof inner?.build !== 'function') throw new ConfigError('sticky', 'around a balancer, such as p2c()', inner);
  knownKeys('sticky', options, ['by', 'maxSessions', 'idleMs', 'returns']);
  const settings: StickySettings = {
    hashKey: keyHasher('sticky.by', options.by),
    maxSessions: wholeNumberIn('sticky.maxSessions', options.maxSessions ?? 10_000, 1, 10_000_000),
    idleMs: durationMs('sticky.idleMs', options.idleMs ?? 1_800_000, { infinite: true }),
    returns: trueOrFalse('sticky.returns', options.returns ?? false),
  };
  return { name: `sticky(${inner.name})`, build: (scope) => new StickyPicker(settings, inner.build(scope), scope) };
}
