import { ConfigError } from '../../core/errors.js';
import { numberIn } from '../../core/options-check.js';
import type { Balancer } from '../../core/picker.js';
import { random } from '../random.js';
import { type AffinityKey, type KeyHasher, keyHasher } from './affinity-key.js';

/** What `maglev` and `ringHash` have in common. */
export interface AffinityOptions {
  /** What calls must have in common to go to the same endpoint. */
  readonly by: AffinityKey;
  /**
   * How much more than its share of the requests in flight an endpoint may have before further ones go to others. At
   * least 1; Infinity for no bound. Default 1.25.
   */
  readonly loadBound?: number | undefined;
  /** The balancer for calls that have no key. Default `random()`. */
  readonly fallback?: Balancer | undefined;
}

/** The same, checked. */
export interface AffinitySettings {
  readonly hashKey: KeyHasher;
  readonly loadBound: number;
  readonly fallback: Balancer;
}

export const AFFINITY_KEYS = ['by', 'loadBound', 'fallback'];

export function affinitySettings(path: string, options: AffinityOptions): AffinitySettings {
  const fallback = options.fallback ?? random();
  if (typeof fallback.build !== 'function') throw new ConfigError(`${path}.fallback`, 'a balancer, such as random()', fallback);
  return {
    hashKey: keyHasher(`${path}.by`, options.by),
    loadBound: numberIn(`${path}.loadBound`, options.loadBound ?? 1.25, 1, Number.POSITIVE_INFINITY),
    fallback,
  };
}
