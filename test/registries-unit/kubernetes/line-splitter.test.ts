import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../../src/registries/kubernetes/line-splitter.js';

/** The bytes in pieces that end anywhere, also in the middle of a character. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const result: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    result.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...result, bytes.subarray(from)];
}

const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 });

describe('LineSplitter', () => {
  it('finds every line, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), sizes, (values, cuts) => {
        const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
        const splitter = new LineSplitter();
        const found = pieces(Buffer.from(text), cuts).flatMap((piece) => [...splitter.push(piece)]);
        assert.deepEqual(found, text.split('\n').slice(0, -1));
      }),
    );
  });

  it('gives up on a line without an end', () => {
    const splitter = new LineSplitter();
    const chunk = Buffer.alloc(16 * 1_024 * 1_024, 'x');
    assert.deepEqual([...splitter.push(chunk), ...splitter.push(chunk)], []);
    assert.throws(() => [...splitter.push(chunk)], /too long/);
  });
});
