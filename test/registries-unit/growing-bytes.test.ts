import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GrowingBytes } from '../../src/registries/growing-bytes.js';

describe('bytes that grow', () => {
  it('are what was added since they were cleared, however the pieces are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 700 }), fc.nat(), fc.boolean())), (steps) => {
        const bytes = new GrowingBytes();
        let expected = '';
        for (const [text, cut, clears] of steps) {
          const source = Buffer.from(`(${text})`);
          const at = cut % source.length;
          bytes.add(source, 0, at);
          bytes.add(source, at, source.length);
          expected += `(${text})`;
          assert.equal(bytes.length, Buffer.byteLength(expected));
          assert.equal(bytes.toString(), expected);
          if (!clears) continue;
          bytes.clear();
          expected = '';
        }
      }),
    );
  });
});
