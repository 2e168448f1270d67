import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { announcedInstance } from '../../../src/discovery/announced-instance.js';
import { parseInstance } from '../../../src/discovery/instance.js';
import { LARGEST_VALUE_BYTES, readEntry, writeEntry } from '../../../src/registries/etcd/entry.js';
import { base64 } from '../../../src/registries/etcd/messages.js';

const read = (value: unknown, id = 'a') => readEntry(id, base64(typeof value === 'string' ? value : JSON.stringify(value)));

describe('a value in etcd', () => {
  it('is what a Go service writes', () => {
    // As go.etcd.io/etcd/client/v3/naming/endpoints wrote it into etcd 3.6.
    const value = '{"Op":0,"Addr":"10.0.0.1:8080","Metadata":{"canary":true,"tags":["a","b"],"version":"7","weight":3}}';
    assert.deepEqual(read(value), {
      id: 'a',
      url: 'http://10.0.0.1:8080',
      weight: 3,
      zone: undefined,
      metadata: { canary: 'true', tags: '["a","b"]', version: '7' },
    });
    assert.equal(parseInstance(read('{"Op":0,"Addr":"10.0.0.99:80","Metadata":null}')).port, 80);
  });

  it('has an address with a port, or a URL', () => {
    const urlOf = (Addr: string) => Object(read({ Addr })).url as string;
    assert.equal(urlOf('users.internal:80'), 'http://users.internal:80');
    assert.equal(urlOf('[2001:db8::1]:80'), 'http://[2001:db8::1]:80');
    assert.equal(urlOf('https://users.internal/api'), 'https://users.internal/api');
    for (const bad of ['10.0.0.1', '', ':80', '2001:db8::1:80', 'a:b:80', 'user@host:80', 'host/path:80', 'host:123456']) {
      assert.throws(() => read({ Addr: bad }), /its Addr must be/, bad);
    }
  });

  it('has metadata of any kind, of which text is made', () => {
    const metadataOf = (Metadata: unknown) => Object(read({ Addr: 'a:80', Metadata })).metadata as unknown;
    assert.deepEqual(metadataOf({ number: 1.5, nothing: null, list: [1], deep: { a: {} } }), {
      number: '1.5',
      list: '[1]',
      deep: '{"a":{}}',
    });
    assert.deepEqual(metadataOf('blue'), { metadata: 'blue' });
    assert.deepEqual(metadataOf(['x']), { metadata: '["x"]' });
    assert.equal(metadataOf(null), undefined);
    assert.equal(metadataOf({}), undefined);
  });

  it('has a weight and a zone that may be text or number', () => {
    assert.deepEqual(read({ Addr: 'a:80', Metadata: { weight: '2.5', zone: 3 } }), {
      id: 'a',
      url: 'http://a:80',
      weight: 2.5,
      zone: '3',
      metadata: undefined,
    });
    assert.throws(() => parseInstance(read({ Addr: 'a:80', Metadata: { weight: 'heavy' } })), /weight must be a number/);
    assert.throws(() => parseInstance(read({ Addr: 'a:80', Metadata: { zone: {} } })), /zone must be a string/);
    assert.throws(() => parseInstance(read({ Addr: 'a:80', Metadata: { url: 7 } })), /url must be a string/);
  });

  it('cannot reach a prototype', () => {
    const instance = Object(read('{"Addr":"a:80","Metadata":{"__proto__":{"polluted":true},"constructor":"x"}}'));
    assert.deepEqual(Object.entries(instance.metadata), [
      ['__proto__', '{"polluted":true}'],
      ['constructor', 'x'],
    ]);
    assert.equal(Object.getPrototypeOf(instance.metadata), Object.prototype);
    assert.equal(Object({}).polluted, undefined);
    assert.throws(() => read('{"__proto__":{"Addr":"a:80"}}'), /its Addr must be/);
  });

  it('says what is wrong with it in few words, however long it is', () => {
    assert.throws(
      () => read('x'.repeat(LARGEST_VALUE_BYTES)),
      (error: Error) => error.message.length < 300,
    );
    assert.throws(() => read('x'.repeat(1_000_000)), /its value has 1000\d\d\d bytes, more than 65536/);
    assert.throws(() => read('"10.0.0.1:80"'), /must be a JSON object with an Addr/);
    assert.throws(() => read('null'), /must be a JSON object with an Addr/);
    assert.throws(() => read({ Addr: 'a:80' }, ''), /its key has nothing after the name/);
  });

  it('never makes anything but an instance or an error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.record({ Addr: fc.jsonValue(), Metadata: fc.jsonValue() }).map((each) => JSON.stringify(each)),
        ),
        (value) => {
          try {
            assert.equal(Object(read(value)).id, 'a');
          } catch (error) {
            assert.match((error as Error).message, /^its (value|Addr)/);
          }
        },
      ),
    );
  });
});

describe('an announced instance', () => {
  it('is read back as it was announced', () => {
    const text = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(
        fc.constantFrom('http://10.0.0.1:80', 'https://h.example/a/b', 'http://[::1]:8080', 'http://h.example/x', 'https://h.example:444'),
        fc.option(fc.double({ min: 0.001, max: 1_000_000, noNaN: true }), { nil: undefined }),
        fc.option(text, { nil: undefined }),
        fc.option(fc.dictionary(fc.oneof(text, fc.constantFrom('url', 'weight', 'zone', 'metadata')), text, { maxKeys: 8 }), {
          nil: undefined,
        }),
        (url, weight, zone, metadata) => {
          const announced = announcedInstance({ service: 'users', url, id: 'a', weight, zone, metadata });
          const { service: _, url: __, ...instance } = announced;
          const found = parseInstance(read(writeEntry(announced)));
          assert.deepEqual({ ...found, metadata: { ...found.metadata } }, { ...instance, metadata: { ...instance.metadata } });
        },
      ),
    );
  });
});
