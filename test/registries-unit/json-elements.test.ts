import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JsonElements } from '../../src/registries/json-elements.js';

interface Heard {
  readonly elements: unknown[];
  readonly names: string[];
  readonly messages: unknown[];
}

/** Takes a text apart whose bytes come in pieces of the given sizes, and then all the rest. */
function read(text: string, sizes: readonly number[] = [], end = true): Heard {
  const heard: Heard = { elements: [], names: [], messages: [] };
  const elements = new JsonElements({
    key: 'items',
    nameKey: 'name',
    element: (json, name) => {
      heard.elements.push(JSON.parse(json));
      heard.names.push(name);
    },
    message: (value) => heard.messages.push(value),
  });
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    elements.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (end) elements.end();
  return heard;
}

/** What is left of a value without its elements, which are found as JSON.parse finds them. */
function without(value: unknown, found: unknown[], key?: string): unknown {
  if (Array.isArray(value)) return value.map((each) => without(each, found, key));
  if (typeof value !== 'object' || value === null) return value;
  if (key === 'items') {
    found.push(value);
    return null;
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, without(each, found, name)]));
}

describe('the JSON of an answer', () => {
  it('is read as JSON.parse would read it, wherever its pieces end, however it is laid out, whatever stands where', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue({ maxDepth: 1, stringUnit: 'grapheme' }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.constantFrom('items', 'name', '__proto__'), fc.string({ unit: 'grapheme' })), tie('value'), {
          maxKeys: 4,
        }),
      ),
    }));
    const message = fc.dictionary(fc.oneof(fc.constantFrom('items', 'header'), fc.string()), value, { maxKeys: 4 });
    const sizes = fc.array(fc.nat(30), { maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        sizes,
        fc.constantFrom('', '\n'),
        fc.constantFrom(undefined, 2),
        (messages, cuts, separator, indent) => {
          const texts = messages.map((each) => JSON.stringify(each, undefined, indent));
          const found: unknown[] = [];
          const left = texts.map((each) => without(JSON.parse(each), found));
          const heard = read(texts.join(separator), cuts);
          assert.deepEqual(heard.elements, found);
          assert.deepEqual(heard.messages, left);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives each element as soon as it is complete, before the end of the message', () => {
    const heard = read('{"header":{"a":"\\"}{"},"items":[{"key":"x"},{"ke', [], false);
    assert.deepEqual([heard.elements, heard.messages], [[{ key: 'x' }], []]);
  });

  it('may be cut within an escaped quote', () => {
    const list = { items: [{ text: 'a\\"b\\\\' }], after: '\\"' };
    const text = JSON.stringify(list);
    for (let cut = 0; cut <= text.length; cut++) {
      const { elements, messages } = read(text, [cut, 0]);
      assert.deepEqual([elements, messages], [list.items, [{ items: [null], after: '\\"' }]]);
    }
  });

  it('may have one element in place of a list of them, or none, or what is none', () => {
    assert.deepEqual(read('{"items":{"a":1}}').elements, [{ a: 1 }]);
    assert.deepEqual(read('{ "x" : { "items" : [ { "a" : 1 } , {} ] } }').elements, [{ a: 1 }, {}]);
    for (const items of ['[]', 'null', '"{"', '["a",1]']) assert.deepEqual(read(`{"items":${items}}`).elements, []);
  });

  it('gives the latest name that stands before an element', () => {
    const lists = [
      { name: 'Ä "quoted"', items: [{ name: 'no' }, {}] },
      { name: 'B', other: { x: 'C' }, items: { a: 1 } },
    ];
    assert.deepEqual(read(JSON.stringify({ lists })).names, ['Ä \\"quoted\\"', 'Ä \\"quoted\\"', 'B']);
    assert.deepEqual(read('{"name":"A"}{"items":[{}]}').names, ['']);
  });

  it('is an error where it is none', () => {
    assert.throws(() => read('<html>'), /expected JSON, got '<html>'/);
    for (const text of ['[]', '{"a":}', '{"items":[{"a":}]}', '{"items":[{}{}]}', '{"items":[1{}]}', '{]', '{}}']) {
      assert.throws(() => read(text), SyntaxError, text);
    }
  });

  it('is an error where it breaks off', () => {
    const whole = '{"x":{"name":"A","items":[{"x":"\\"}"}]}}';
    read(whole);
    for (let length = 1; length < whole.length; length++) assert.throws(() => read(whole.slice(0, length)), /broke off/);
  });

  it('is an error where an element, or what stands around them, has no end', () => {
    const chunk = 'x'.repeat(12 * 1_024 * 1_024);
    for (const begin of ['{"items":[{"a":"', '{"a":"']) {
      assert.throws(() => read(begin + chunk + chunk + chunk, [begin.length]), /one part of the answer has more than 33554432 bytes/);
      read(begin + chunk, [begin.length], false);
    }
  });
});
