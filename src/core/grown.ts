type Numbers = Float64Array | Float32Array | Int32Array | Uint16Array | Uint8Array;

/** `array`, if it has `length` places; else one of its kind with the same numbers in it and twice the room at least. */
export function grown<T extends Numbers>(array: T, length: number): T {
  if (length <= array.length) return array;
  const SameKind = array.constructor as new (length: number) => T;
  const larger = new SameKind(Math.max(length, array.length * 2));
  larger.set(array);
  return larger;
}
