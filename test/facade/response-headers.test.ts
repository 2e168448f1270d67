import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { replyHeaders } from '../../src/facade/response-headers.js';
import { bothOf, outcome } from './support/built-in.js';

const WIRE: readonly (readonly [string, string])[] = [
  ['X-Many', 'one'],
  ['Set-Cookie', 'a=1; Path=/'],
  ['x-many', 'two'],
  ['set-cookie', 'b=2'],
  ['Cookie', 'c=3'],
  ['cookie', 'd=4'],
  ['X-Empty', ''],
  ['X-Bytes', '\x80caf\xe9\xff'],
  ['X-Utf8', Buffer.from('café à').toString('latin1')],
  ['Content-Type', 'text/plain'],
  ['Content-Length', '0'],
];

const QUESTIONS: Record<string, (headers: Headers) => unknown> = {
  'get, in any case': (headers) =>
    ['x-many', 'X-MANY', 'set-cookie', 'cookie', 'x-empty', 'x-bytes', 'x-utf8'].map((name) => headers.get(name)),
  'get of what is not there': (headers) => headers.get('x-nothing'),
  'get without a name': (headers) => Reflect.apply(headers.get, headers, []),
  'get of what is no name': (headers) => headers.get('a b'),
  'get of what is no text': (headers) => headers.get(5 as unknown as string),
  'get of what is no byte': (headers) => headers.get('€'),
  has: (headers) => ['x-many', 'X-Empty', 'x-nothing', 'set-cookie'].map((name) => headers.has(name)),
  'has of what is no name': (headers) => headers.has(''),
  getSetCookie: (headers) => headers.getSetCookie(),
  iterating: (headers) => [...headers],
  keys: (headers) => [...headers.keys()],
  values: (headers) => [...headers.values()],
  entries: (headers) => [...headers.entries()],
  forEach: (headers) => {
    const seen: unknown[] = [];
    headers.forEach((value, name, all) => {
      seen.push([name, value, all === headers]);
    });
    return seen;
  },
  'a copy, which can be changed': (headers) => {
    const copy = new Headers(headers);
    copy.append('x-many', 'three');
    copy.delete('cookie');
    return [...copy];
  },
  'a Request with them': (headers) => [...new Request('http://users/', { headers }).headers],
  'a Response with them': (headers) => [...new Response(null, { headers }).headers],
  append: (headers) => headers.append('a', 'b'),
  'append of what is no name': (headers) => headers.append('a b', 'c'),
  'append without a value': (headers) => Reflect.apply(headers.append, headers, ['a']),
  set: (headers) => headers.set('a', 'b'),
  delete: (headers) => headers.delete('x-many'),
  'delete of what is not there': (headers) => headers.delete('x-nothing'),
  'the console': (headers) => inspect(headers).replace(/\s+/g, ' '),
  'the tag': (headers) => Object.prototype.toString.call(headers),
};

describe('the headers of a response', () => {
  for (const [name, ask] of Object.entries(QUESTIONS)) {
    it(`answer like the built-in ones: ${name}`, async () => {
      const { builtIn, mesh } = await bothOf({ headers: WIRE });
      assert.deepEqual(await outcome(() => ask(mesh.headers)), await outcome(() => ask(builtIn.headers)));
      // The same question once more, now that the list underneath is filled.
      assert.deepEqual([...mesh.headers], [...builtIn.headers]);
      assert.deepEqual(await outcome(() => ask(mesh.headers)), await outcome(() => ask(builtIn.headers)));
    });
  }

  it('cover every method of Headers that this Node has', () => {
    const own = Object.getPrototypeOf(replyHeaders([])) as object;
    const methods = Reflect.ownKeys(Headers.prototype).filter(
      (key) => typeof Object.getOwnPropertyDescriptor(Headers.prototype, key)?.value === 'function',
    );
    assert.deepEqual(
      methods.filter((key) => !Object.hasOwn(own, key)),
      [],
    );
    assert.ok(replyHeaders([]) instanceof Headers);
  });

  it('find what Headers finds in any list of headers', () => {
    const name = fc.constantFrom('a', 'A', 'b-c', 'B-C', 'cookie', 'set-cookie', 'x');
    const value = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ',', '\xe9', '\xa0'), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), fc.boolean(), (pairs, asBytes) => {
        const expected = new Headers(pairs);
        const raw = pairs.flat().map((text) => (asBytes ? Buffer.from(text, 'latin1') : text));
        for (const each of ['a', 'B-c', 'Cookie', 'Set-Cookie', 'x']) {
          const headers = replyHeaders(raw);
          assert.equal(headers.get(each), expected.get(each));
          assert.equal(headers.has(each), expected.has(each));
        }
        assert.deepEqual([...replyHeaders(raw)], [...expected]);
      }),
    );
  });
});
