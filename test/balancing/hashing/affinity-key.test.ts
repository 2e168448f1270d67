import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AffinityKey, keyHasher } from '../../../src/balancing/hashing/affinity-key.js';
import { hashText } from '../../../src/balancing/hashing/hash.js';
import { Call } from '../../../src/core/call.js';
import { ConfigError } from '../../../src/core/errors.js';

function callTo(path: string, ...headers: string[]): Call {
  return new Call({ service: 'users', method: 'GET', path, headers, idempotent: true });
}

/** Whether the call has this key. */
function hasKey(by: AffinityKey, call: Call, key: string | undefined): boolean {
  const found = new Int32Array(2);
  const expected = new Int32Array(2);
  const there = keyHasher('maglev.by', by)(call, found);
  if (key === undefined) return !there;
  hashText(key, 0, key.length, 0, expected);
  return there && found[0] === expected[0] && found[1] === expected[1];
}

test('a key is the value of a header, whatever the case of its name', () => {
  const call = callTo('/', 'accept', 'text/html', 'X-User', 'Ada', 'x-user', 'Bob');
  assert.ok(hasKey({ header: 'x-user' }, call, 'Ada'));
  assert.ok(hasKey({ header: 'X-USER' }, call, 'Ada'));
  assert.ok(hasKey({ header: 'x-tenant' }, call, undefined));
  assert.ok(hasKey({ header: 'x-user' }, callTo('/', 'x-user', ''), undefined));
});

test('a key is the value of a cookie, which may stand anywhere and begin like another', () => {
  const call = callTo('/', 'Cookie', 'my-session=no; sessions=no;session=s1 ; session=later; empty=', 'cookie', 'more=m1');
  assert.ok(hasKey({ cookie: 'session' }, call, 's1'));
  assert.ok(hasKey({ cookie: 'more' }, call, 'm1'));
  for (const cookie of ['Session', 'ession', 'empty', 'no', 'none']) assert.ok(hasKey({ cookie }, call, undefined), cookie);
  assert.ok(hasKey({ cookie: 'session' }, callTo('/'), undefined));
});

test('the cookie that is found is the one that was written', () => {
  const name = fc.stringMatching(/^[a-c]{1,2}$/);
  const value = fc.stringMatching(/^[a-c=]{1,3}$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 6, size: 'max' }),
      name,
      fc.constantFrom('; ', ';', ' ;  '),
      (cookies, wanted, between) => {
        const header = cookies.map(([key, each]) => `${key}=${each}`).join(between);
        const expected = cookies.find(([key]) => key === wanted)?.[1];
        assert.ok(hasKey({ cookie: wanted }, callTo('/', 'cookie', header), expected), header);
      },
    ),
  );
});

test('a key is a part of the path, counted from 1 and without the query', () => {
  const path = '/users/42/orders?page=/7/8/9';
  assert.ok(hasKey({ pathPart: 1 }, callTo(path), 'users'));
  assert.ok(hasKey({ pathPart: 2 }, callTo(path), '42'));
  assert.ok(hasKey({ pathPart: 3 }, callTo(path), 'orders'));
  assert.ok(hasKey({ pathPart: 2 }, callTo('/users/a%20b'), 'a%20b'));
  for (const each of ['/users', '/users/', '/users//42', '/users?a/42', '/', '/?/1/2'])
    assert.ok(hasKey({ pathPart: 2 }, callTo(each), undefined), each);
  assert.ok(hasKey({ pathPart: 4 }, callTo(path), undefined));
});

test('a part of the path is what splitting the path finds', () => {
  const text = fc.stringMatching(/^[/a?]{0,12}$/);
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 6 }), (rest, part) => {
      const expected = rest.split('?')[0]?.split('/')[part - 1] || undefined;
      assert.ok(hasKey({ pathPart: part }, callTo(`/${rest}`), expected), `/${rest} ${part}`);
    }),
  );
});

test('a key is what a function of the call returns', () => {
  const call = callTo('/users/42', 'x-user', 'Ada');
  assert.ok(hasKey(({ path, service }) => `${service}${path}`, call, 'users/users/42'));
  assert.ok(
    hasKey(() => undefined, call, undefined),
    'none',
  );
  assert.ok(
    hasKey(() => '', call, undefined),
    'an empty one',
  );
});

test('a function that throws, or returns something else than text, is reported once and the call has no key', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  try {
    const throws = keyHasher('maglev.by', () => {
      throw new Error('no user');
    });
    const number = keyHasher('ringHash.by', (() => 42) as never);
    for (let i = 0; i < 3; i++) for (const hasher of [throws, number]) assert.equal(hasher(callTo('/'), new Int32Array(2)), false);
    await new Promise(setImmediate);
  } finally {
    process.off('warning', note);
  }
  assert.equal(warnings.length, 2, String(warnings));
  assert.match(warnings[0]?.message ?? '', /maglev\.by threw: Error: no user/);
  assert.match(warnings[1]?.message ?? '', /ringHash\.by threw: TypeError: .*type number/);
});

test('what is no way to take a key is refused with the path of the option', () => {
  const refused: [unknown, string][] = [
    [undefined, 'maglev.by'],
    [null, 'maglev.by'],
    ['x-user', 'maglev.by'],
    [{}, 'maglev.by'],
    [{ header: 'a', cookie: 'b' }, 'maglev.by'],
    [{ headers: 'a' }, 'maglev.by'],
    [{ header: '' }, 'maglev.by.header'],
    [{ header: 'x user' }, 'maglev.by.header'],
    [{ header: 7 }, 'maglev.by.header'],
    [{ cookie: 'a=b' }, 'maglev.by.cookie'],
    [{ pathPart: 0 }, 'maglev.by.pathPart'],
    [{ pathPart: 1.5 }, 'maglev.by.pathPart'],
    [{ pathPart: 65 }, 'maglev.by.pathPart'],
    [{ pathPart: '2' }, 'maglev.by.pathPart'],
  ];
  for (const [by, path] of refused)
    assert.throws(
      () => keyHasher('maglev.by', by as AffinityKey),
      (error) => error instanceof ConfigError && error.path === path && Object.is(error.got, path === 'maglev.by' ? by : error.got),
      JSON.stringify(by),
    );
});
