import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { requestHeaders } from '../../src/facade/headers.js';
import { outcome } from './support/built-in.js';
import { Echo } from './support/echo.js';

type Init = NonNullable<RequestInit['headers']>;

/** What the built-in fetch adds of its own. */
const OWN = new Set([
  'host',
  'connection',
  'accept',
  'accept-language',
  'accept-encoding',
  'user-agent',
  'sec-fetch-mode',
  'content-length',
]);

/** Headers that are no Headers, like those of another realm. */
class ForeignHeaders {
  *[Symbol.iterator](): Iterator<[string, string]> {
    yield ['x-foreign', 'a'];
    yield ['X-Foreign', 'b'];
  }
}

class OwnFields {
  'X-Own' = 'own';
  get inherited(): string {
    return 'no';
  }
}

const INITS: Record<string, unknown> = {
  'a record': { 'X-One': '1', 'x-two': '2' },
  'an empty record': {},
  'a record without a prototype': Object.assign(Object.create(null), { 'x-a': '1' }),
  'inherited properties, which do not count': Object.create({ 'x-a': '1' }),
  'an instance of a class': new OwnFields(),
  pairs: [
    ['X-One', '1'],
    ['X-Two', '2'],
  ],
  'a Map': new Map([['X-Map', '1']]),
  'pairs that are no arrays': [new Set(['x-a', 'b'])],
  'headers of another realm': new ForeignHeaders(),
  'one name twice': [
    ['X-A', '1'],
    ['x-a', '2'],
    ['X-a', '3'],
  ],
  'one name twice in a record': { 'X-A': '1', 'x-a': '2' },
  cookies: { Cookie: 'a=1', cookie: 'b=2' },
  'set-cookie, which makes no sense in a request': { 'Set-Cookie': 'a=1', 'set-cookie': 'b=2' },
  'blanks around values': { 'x-a': ' \t one two\t ', 'x-b': '\r\nthree\n' },
  'an empty value': { 'x-a': '' },
  'a number': { 'x-a': 5 },
  undefined: { 'x-a': undefined },
  'null in a value': { 'x-a': null },
  latin1: { 'x-a': 'caf\xe9' },
  'every character of a token': { "!#$%&'*+-.^_`|~09azAZ": '1' },
  'what browsers forbid': { Date: 'd', Referer: 'r', Origin: 'o', Via: 'v', 'Sec-Foo': 's', 'Proxy-X': 'p', DNT: '1' },
  null: null,
  'a string': 'abc',
  'a number of headers': 5,
  'a pair of three': [['a', 'b', 'c']],
  'a pair of one': [['a']],
  'a pair that is a string': ['ab'],
  'a pair that is null': [null],
  'a name with a blank': { 'a b': 'c' },
  'no name': { '': 'c' },
  'a name that is no byte': { '€': 'c' },
  'a line feed in a value': { a: 'b\nc' },
  'a NUL in a value': { a: 'b\0c' },
  'a value that is no byte': { a: '€' },
  'a symbol as a value': { a: Symbol('b') },
  'a symbol as a name': [[Symbol('a'), 'b']],
};

describe('requestHeaders', () => {
  const echo = new Echo();
  before(() => echo.start());
  after(() => echo.stop());

  for (const [name, init] of Object.entries(INITS)) {
    it(`makes of ${name} what the built-in fetch sends`, async () => {
      const expected = await outcome(async () => {
        const { rawHeaders } = await echo.sent({ headers: init as Init });
        return rawHeaders.filter((_, i) => !OWN.has((rawHeaders[i - (i % 2)] ?? '').toLowerCase()));
      });
      assert.deepEqual(await outcome(() => requestHeaders(init as Init, [])), expected);
    });
  }

  it('takes a Headers, whose names are in lower case', () => {
    const headers = new Headers([
      ['X-B', '1'],
      ['x-b', '2'],
      ['X-A', '3'],
      ['Set-Cookie', 'c'],
      ['Set-Cookie', 'd'],
    ]);
    assert.deepEqual(requestHeaders(headers, []), ['set-cookie', 'c, d', 'x-a', '3', 'x-b', '1, 2']);
  });

  it('adds the defaults that the caller did not set, in any case', () => {
    const defaults = ['accept', '*/*', 'user-agent', 'me'];
    assert.deepEqual(requestHeaders({ Accept: 'text/html' }, defaults), ['Accept', 'text/html', 'user-agent', 'me']);
    assert.deepEqual(requestHeaders({ 'User-Agent': '' }, defaults), ['User-Agent', '', 'accept', '*/*']);
    assert.equal(requestHeaders(undefined, defaults), defaults, 'and makes nothing where there is nothing to make');
    assert.deepEqual(defaults, ['accept', '*/*', 'user-agent', 'me']);
  });

  it('accepts and refuses what Headers does, and combines alike', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'B', '-', ' ', ':', 'é', '1'), maxLength: 2 });
    const value = fc.string({ unit: fc.constantFrom('a', ' ', '\t', '\n', '\r', '\0', 'é', '€', ','), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (pairs) => {
        let expected: Headers | undefined;
        try {
          expected = new Headers(pairs);
        } catch {
          assert.throws(() => requestHeaders(pairs, []), TypeError);
          return;
        }
        const flat = requestHeaders(pairs, []);
        // Not by way of a Headers: it would trim once more what was joined of empty values.
        const found = new Map<string, string>();
        for (let i = 0; i < flat.length; i += 2) found.set((flat[i] ?? '').toLowerCase(), flat[i + 1] ?? '');
        assert.deepEqual(found, new Map(expected));
        assert.equal(flat.length, found.size * 2, 'each name once');
      }),
      // Empty values leave a comma and a blank, which stay.
      {
        examples: [
          [
            [
              ['-', ''],
              ['-', ''],
            ],
          ],
        ],
      },
    );
  });
});
