/**
 * A hash of 64 bits, in two halves of 32: a number of JavaScript holds 53 bits exactly, and a BigInt is allocated.
 *
 * The steps are those of MurmurHash3 (Austin Appleby, public domain): the multiplications, rotations and constants of
 * the first two lanes of its 128-bit form for 32-bit machines, and its finaliser. Both lanes read every block here, and
 * a block is two UTF-16 units and not four bytes, so the values are not MurmurHash3's. They are part of the behaviour:
 * another value would send every key of a running fleet elsewhere. hash.test.ts holds them fast.
 *
 * It is not made to resist an attacker who chooses keys so that they meet on one endpoint. What bounds the harm of
 * that, and of a key that is merely popular, is `loadBound`.
 */

const BLOCK_A = 0x239b961b;
const BLOCK_B = 0xab0e9789 | 0;
const BLOCK_C = 0x38b34ae5;
const ADD_HIGH = 0x561ccd1b;
const ADD_LOW = 0x0bcaa747;

/** Puts the two halves of the hash of text[start..end) into the first two places of `into`. */
export function hashText(text: string, start: number, end: number, seed: number, into: Int32Array): void {
  let high = seed;
  let low = seed;
  for (let at = start; at < end; at += 2) {
    const block = text.charCodeAt(at) | (at + 1 < end ? text.charCodeAt(at + 1) << 16 : 0);
    high ^= Math.imul(rotated(Math.imul(block, BLOCK_A), 15), BLOCK_B);
    high = (Math.imul(rotated(high, 19) + low, 5) + ADD_HIGH) | 0;
    low ^= Math.imul(rotated(Math.imul(block, BLOCK_B), 16), BLOCK_C);
    low = (Math.imul(rotated(low, 17) + high, 5) + ADD_LOW) | 0;
  }
  const length = end - start;
  high ^= length;
  low ^= length;
  high = (high + low) | 0;
  low = (low + high) | 0;
  high = mixed(high);
  low = mixed(low);
  high = (high + low) | 0;
  into[0] = high;
  into[1] = (low + high) | 0;
}

/** Spreads each bit of a number over all 32: MurmurHash3's finaliser. Different numbers stay different. */
export function mixed(bits: number): number {
  let mixing = bits ^ (bits >>> 16);
  mixing = Math.imul(mixing, 0x85ebca6b);
  mixing ^= mixing >>> 13;
  mixing = Math.imul(mixing, 0xc2b2ae35);
  return mixing ^ (mixing >>> 16);
}

function rotated(bits: number, by: number): number {
  return (bits << by) | (bits >>> (32 - by));
}
