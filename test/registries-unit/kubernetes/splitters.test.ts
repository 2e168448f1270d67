import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ItemSplitter } from '../../../src/registries/kubernetes/item-splitter.js';
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

describe('ItemSplitter', () => {
  it('finds every item and keeps what the list says of itself, wherever the bytes are cut and however they are laid out', () => {
    const item = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.array(item),
        fc.string({ unit: 'grapheme-ascii' }),
        sizes,
        fc.constantFrom(undefined, 2),
        (items, token, cuts, indent) => {
          const list = { kind: 'EndpointSliceList', metadata: { resourceVersion: '7', continue: token }, items };
          const found: unknown[] = [];
          const splitter = new ItemSplitter((json) => found.push(JSON.parse(json)));
          for (const piece of pieces(Buffer.from(JSON.stringify(list, undefined, indent)), cuts)) splitter.push(piece);
          assert.deepEqual(splitter.end(), JSON.parse(JSON.stringify({ ...list, items: [] })));
          assert.deepEqual(found, JSON.parse(JSON.stringify(items)));
        },
      ),
    );
  });

  it('fails at the end when the list broke off, or was no JSON', () => {
    for (const text of ['{"metadata":{"resourceVersion":"7"},"items":[{"a":1},{"b"', '<html>', '']) {
      const splitter = new ItemSplitter(() => {});
      splitter.push(Buffer.from(text));
      assert.throws(() => splitter.end(), SyntaxError);
    }
  });

  it('gives up on an item without an end', () => {
    const splitter = new ItemSplitter(() => {});
    splitter.push(Buffer.from('{"items":[{"a":"'));
    const chunk = Buffer.alloc(12 * 1_024 * 1_024, 'x');
    splitter.push(chunk);
    splitter.push(chunk);
    assert.throws(() => splitter.push(chunk), /too long/);
  });
});

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
