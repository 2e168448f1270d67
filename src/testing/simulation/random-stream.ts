import type { Random } from '../../core/random.js';

/**
 * Chance for one purpose of a simulation: its arrivals, the service times of one endpoint, the mesh of one client.
 *
 * Each purpose draws from a stream of its own, made of the seed and the purpose's name. So a different balancer, which
 * draws more or less often, still meets the very same arrivals, and two policies are compared on the same traffic.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), with 128 bits of state: a thousand streams of the 32 bits
 * of `seededRandom` would overlap. A number has all 53 bits of a double, since `p2c` makes two draws of one.
 */
export function randomStream(seed: number, name: string): Random {
  return new RandomStream(seed, hashOf(name, 0x811c9dc5), hashOf(name, 0x2f0b4c47));
}

/** As many rounds as the generator's author asks for before the state has forgotten how alike two seeds were. */
const WARM_UP_ROUNDS = 20;

class RandomStream implements Random {
  private counter = 1;

  constructor(
    private a: number,
    private b: number,
    private c: number,
  ) {
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.next();
  }

  next(): number {
    return ((this.round() >>> 5) * 67_108_864 + (this.round() >>> 6)) / 9_007_199_254_740_992;
  }

  private round(): number {
    const { b, c } = this;
    const drawn = (((this.a + b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = b ^ (b >>> 9);
    this.b = (c + (c << 3)) | 0;
    this.c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn;
  }
}

/** FNV-1a of the name's characters. */
function hashOf(name: string, basis: number): number {
  let hash = basis;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash;
}
