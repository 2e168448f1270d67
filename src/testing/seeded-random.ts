import type { Random } from '../core/random.js';

/**
 * Chance that repeats itself: the same seed gives the same numbers. The generator is mulberry32 (Tommy
 * Ettinger), 32 bits of state.
 *
 * @example
 * createMesh({ random: seededRandom(42) });
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    },
  };
}
