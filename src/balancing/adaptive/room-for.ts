/** `array`, or a larger one with the same numbers if it has no place for `slot`. */
export function roomFor(slot: number, array: Float32Array): Float32Array {
  if (slot < array.length) return array;
  const larger = new Float32Array(Math.max(slot + 1, array.length * 2));
  larger.set(array);
  return larger;
}
