import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JsonObject } from '../../src/registries/json-object.js';

describe('the end of a JSON object', () => {
  it('is found wherever its bytes are cut, and what follows is left alone', () => {
    const value = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()));
    fc.assert(
      fc.property(value, fc.array(fc.nat(20), { maxLength: 30 }), fc.constantFrom(undefined, 3), (json, sizes, indent) => {
        const text = JSON.stringify(json, undefined, indent);
        const bytes = Buffer.from(`${text}}]"{`);
        const object = new JsonObject(1_000_000);
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          // Where nothing has begun, there is nothing to go on with.
          if (size === 0) continue;
          const chunk = bytes.subarray(at, at + size);
          const end = object.read(chunk, 0);
          at += end;
          if (!object.isUnderWay) break;
          assert.equal(end, chunk.length);
        }
        assert.equal(at, Buffer.byteLength(text));
        assert.equal(object.length, at);
        assert.equal(object.bytes?.toString(), text);
      }),
    );
  });

  it('is where it is also after an empty chunk within an escape', () => {
    const object = new JsonObject(100);
    object.read(Buffer.from('{"a":"\\'), 0);
    object.read(Buffer.alloc(0), 0);
    object.read(Buffer.from('""}'), 0);
    assert.equal(object.isUnderWay, false);
    assert.equal(object.bytes?.toString(), '{"a":"\\""}');
  });

  it('is found for one object after the other', () => {
    const object = new JsonObject(100);
    const chunk = Buffer.from('{"a":1}[2]');
    const end = object.read(chunk, 0);
    assert.equal(object.bytes?.toString(), '{"a":1}');
    assert.equal(object.read(chunk, end), chunk.length);
    assert.deepEqual([object.bytes?.toString(), object.length], ['[2]', 3]);
  });

  it('is found for one that is too long as well, of which the beginning is kept', () => {
    const object = new JsonObject(10);
    object.read(Buffer.from('{"a":"'), 0);
    for (let i = 0; i < 100; i++) object.read(Buffer.from('0123456789'), 0);
    object.read(Buffer.from('"}'), 0);
    assert.deepEqual([object.isUnderWay, object.length, object.bytes], [false, 1_008, undefined]);
    assert.equal(object.beginning.toString(), '{"a":"');
  });
});
