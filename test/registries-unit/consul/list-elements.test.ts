import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Fingerprint, ListElements } from '../../../src/registries/consul/list-elements.js';

/** Takes a text apart, in chunks that end at the given places. */
function elementsOf(text: string, cuts: readonly number[] = [], before: readonly Fingerprint[] = [], longest = 1_000_000) {
  const bytes = Buffer.from(text);
  const elements: string[] = [];
  const fingerprints: Fingerprint[] = [];
  const oversized: { beginning: string; length: number }[] = [];
  let expected = 0;
  const reader = new ListElements(
    {
      expected: () => before[expected],
      asExpected: () => {
        expected++;
      },
      element: (element, fingerprint) => {
        elements.push(element.toString());
        fingerprints.push(fingerprint);
      },
      oversized: (beginning, length) => oversized.push({ beginning: beginning.toString(), length }),
    },
    longest,
  );
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((one, other) => one - other);
  let from = 0;
  for (const end of ends) {
    reader.push(bytes.subarray(from, end));
    from = end;
  }
  reader.end();
  return { elements, fingerprints, oversized, expected };
}

describe('a JSON list that is taken apart', () => {
  it('has the objects that JSON.parse finds, wherever its chunks end', () => {
    const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(object), fc.array(fc.nat()), fc.boolean(), (list, cuts, pretty) => {
        const { elements } = elementsOf(JSON.stringify(list, undefined, pretty ? 4 : undefined), cuts);
        assert.deepEqual(
          elements.map((element) => JSON.parse(element)),
          JSON.parse(JSON.stringify(list)),
        );
      }),
    );
  });

  it('may have braces, quotes and backslashes in its strings', () => {
    const list = [{ a: '}]{["\\' }, { '}{"\\\\': '\\"' }, { deep: [[{ x: ']}' }]] }];
    const text = JSON.stringify(list);
    for (let cut = 0; cut <= text.length; cut++) {
      assert.deepEqual(
        elementsOf(text, [cut]).elements.map((element) => JSON.parse(element)),
        list,
      );
    }
  });

  it('is passed over where it is as expected, and read where it is not', () => {
    const list = Array.from({ length: 20 }, (_, id) => ({ id, text: `instance ${id}` }));
    const { fingerprints } = elementsOf(JSON.stringify(list));
    const same = elementsOf(JSON.stringify(list), [], fingerprints);
    assert.deepEqual([same.expected, same.elements.length], [20, 0]);
    const changed = elementsOf(JSON.stringify(list.with(19, { id: 19, text: 'instance 1x' })), [], fingerprints);
    assert.deepEqual([changed.expected, changed.elements], [19, ['{"id":19,"text":"instance 1x"}']]);
  });

  it('gives the length and the beginning of an object that is too long, and the objects after it', () => {
    const list = [{ a: 1 }, { blob: 'x'.repeat(5_000) }, { b: 2 }];
    const text = JSON.stringify(list);
    const { elements, oversized } = elementsOf(text, [500, 1_000, 1_500, 4_000], [], 1_000);
    assert.deepEqual(elements, ['{"a":1}', '{"b":2}']);
    assert.equal(oversized[0]?.length, JSON.stringify(list[1]).length);
    assert.match(oversized[0]?.beginning ?? '', /^\{"blob":"xxx/);
  });

  for (const text of ['', '[', '[{"a":1}', '[{"a":"]', 'null', '<html>', '{"a":1}', '[1]', '["a"]', '[{}]x', '[][]']) {
    it(`is refused where it is ${text === '' ? 'nothing' : text}`, () => {
      assert.throws(() => elementsOf(text), SyntaxError);
    });
  }
});
