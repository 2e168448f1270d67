import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JsonElements } from '../../../src/registries/etcd/json-elements.js';

interface Heard {
  readonly elements: unknown[];
  readonly messages: unknown[];
}

/** Feeds a text in pieces that end at the given places. */
function read(text: string, cuts: readonly number[] = []): Heard & { readonly parser: JsonElements } {
  const heard: Heard = { elements: [], messages: [] };
  const parser = new JsonElements({
    element: (value) => heard.elements.push(value),
    message: (value) => heard.messages.push(value),
  });
  const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((one, other) => one - other);
  let from = 0;
  for (const end of ends) {
    parser.feed(text.slice(from, end));
    from = end;
  }
  return { ...heard, parser };
}

const nested = fc.dictionary(fc.string(), fc.jsonValue());
const answer = fc.record({ header: nested, events: fc.array(nested), tail: fc.string() });

describe('the JSON of a stream', () => {
  it('is read as JSON.parse would read it, wherever its pieces end', () => {
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 4 }), fc.array(fc.nat()), fc.boolean(), (answers, cuts, hasLines) => {
        const text = answers.map((each) =>
          JSON.stringify({ result: { header: each.header.x ?? '', events: each.events, tail: each.tail } }),
        );
        const { elements, messages, parser } = read(text.join(hasLines ? '\n' : ''), cuts);
        const expected = text.map((each) => JSON.parse(each) as { result: { events: unknown[] } });
        assert.deepEqual(
          elements,
          expected.flatMap(({ result }) => (JSON.stringify(result).indexOf('"events"') < 0 ? [] : result.events)),
        );
        assert.deepEqual(
          messages,
          expected.map(({ result }) => ({ result: { ...result, events: [] } })),
        );
        assert.equal(parser.isMidway, false);
      }),
    );
  });

  it('gives each object of a list as soon as it is complete, before the end of the message', () => {
    const heard: unknown[] = [];
    const parser = new JsonElements({ element: (value) => heard.push(value), message: () => heard.push('end') });
    parser.feed('{"header":{"a":"\\"}{"},"kvs":[{"key":"x"},{"ke');
    assert.deepEqual(heard, [{ key: 'x' }]);
    assert.equal(parser.isMidway, true);
    parser.feed('y":"y","of":[{"no":"element"}]}],"count":"2"}');
    assert.deepEqual(heard, [{ key: 'x' }, { key: 'y', of: [{ no: 'element' }] }, 'end']);
  });

  it('may be cut within an escaped quote', () => {
    const text = JSON.stringify({ list: [{ text: 'a\\"b\\\\' }], after: '\\"' });
    for (let cut = 0; cut <= text.length; cut++) {
      const { elements, messages } = read(text, [cut]);
      assert.deepEqual([elements, messages], [[{ text: 'a\\"b\\\\' }], [{ list: [], after: '\\"' }]]);
    }
  });

  it('may have a list of other things than objects', () => {
    assert.deepEqual(read('{"details":["a",1,[2]],"empty":[]}').messages, [{ details: ['a', 1, [2]], empty: [] }]);
  });

  it('is an error where it is none', () => {
    assert.throws(() => read('<html>'), /expected JSON, got '<html>'/);
    assert.throws(() => read('{"a":}'), SyntaxError);
    assert.throws(() => read('{"list":[{"a":}]}'), SyntaxError);
  });

  it('is an error where it has no end', () => {
    const { parser } = read('{"list":[{"value":"');
    const megabyte = 'x'.repeat(1_048_576);
    assert.throws(() => {
      for (let count = 0; count < 40; count++) parser.feed(megabyte);
    }, /one part of its answer has more than 33554432 characters/);
  });
});
