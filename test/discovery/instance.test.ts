import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InstanceInput } from '../../src/core/discovery.js';
import { addressOf, describeEntry, idOfEntry, parseInstance } from '../../src/discovery/instance.js';

/** Input as a registry may really give it. */
const raw = (value: unknown) => value as InstanceInput;

describe('parseInstance', () => {
  it('takes a bare URL and fills in what it leaves out', () => {
    assert.deepEqual(parseInstance('http://10.0.0.1:8080'), {
      id: 'http://10.0.0.1:8080',
      protocol: 'http:',
      hostname: '10.0.0.1',
      port: 8080,
      basePath: '',
      weight: 1,
      priority: 0,
      zone: undefined,
      metadata: {},
    });
  });

  it('takes the port from the scheme when the URL has none', () => {
    assert.equal(parseInstance('http://a').port, 80);
    assert.equal(parseInstance('https://a').port, 443);
    assert.equal(parseInstance('https://a:80').port, 80);
  });

  it('keeps an IPv6 address without brackets, and puts them back into the id', () => {
    const instance = parseInstance('http://[2001:DB8::1]:8080/');
    assert.equal(instance.hostname, '2001:db8::1');
    assert.equal(instance.id, 'http://[2001:db8::1]:8080');
  });

  it('keeps a base path without the slash at its end', () => {
    assert.equal(parseInstance('http://a/api/v1/').basePath, '/api/v1');
    assert.equal(parseInstance('http://a/api//').basePath, '/api');
    assert.equal(parseInstance('http://a/').basePath, '');
    assert.equal(parseInstance('http://a/api').id, 'http://a:80/api');
  });

  it('gives one id to all ways of writing an address', () => {
    for (const url of ['http://a', 'HTTP://A/', 'http://a:80', 'http://a:080//']) assert.equal(parseInstance(url).id, 'http://a:80');
    assert.equal(parseInstance('http://0x7f.1').id, 'http://127.0.0.1:80');
  });

  it('takes id, weight, priority, zone and metadata as given', () => {
    const instance = parseInstance({ url: 'https://a', id: 'i-1', weight: 0.5, priority: 3, zone: 'eu-1a', metadata: { version: '2' } });
    assert.deepEqual([instance.id, instance.weight, instance.priority, instance.zone], ['i-1', 0.5, 3, 'eu-1a']);
    assert.deepEqual(instance.metadata, { version: '2' });
  });

  it('copies metadata, so that a registry cannot change it afterwards', () => {
    const metadata = { version: '1' };
    const instance = parseInstance({ url: 'http://a', metadata });
    metadata.version = '2';
    assert.equal(instance.metadata.version, '1');
    assert.throws(() => Object.assign(instance.metadata, { version: '3' }), TypeError);
  });

  it('treats an empty zone as none', () => {
    assert.equal(parseInstance({ url: 'http://a', zone: '' }).zone, undefined);
  });

  const refused: [string, unknown, RegExp][] = [
    ['a URL without a scheme', '10.0.0.1:8080', /absolute URL such as http/],
    ['a host and port that look like a scheme', 'localhost:8080', /must start with http:\/\/ or https:\/\//],
    ['another scheme', 'ftp://a', /must start with http/],
    ['credentials', 'http://user:secret@a', /without credentials/],
    ['a user name alone', 'http://user@a', /without credentials/],
    ['a query', 'http://a/?x=1', /without a query/],
    ['an empty query', 'http://a/?', /without a query/],
    ['a fragment', 'http://a/#x', /without a fragment/],
    ['port 0', 'http://a:0', /port from 1 to 65535/],
    ['a port out of range', 'http://a:65536', /absolute URL/],
    ['an address of the cloud metadata service', 'http://169.254.169.254', /link-local/],
    ['a link-local address in disguise', 'http://0xa9fea9fe', /link-local/],
    ['a link-local IPv6 address', 'http://[fe80::1]', /link-local/],
    ['the last link-local IPv6 address', 'http://[febf::1]', /link-local/],
    ['a mapped link-local address', 'http://[::ffff:169.254.169.254]', /link-local/],
    ['a translated link-local address', 'http://[64:ff9b::169.254.169.254]', /link-local/],
    ['no URL', { weight: 1 }, /url must be a string, got undefined/],
    ['a number', 42, /a URL or an object with a url, got 42/],
    ['null', null, /got null/],
    ['an empty id', { url: 'http://a', id: '' }, /id must be/],
    ['an id that is no text', { url: 'http://a', id: 7 }, /id must be a string of 1 to 1024 characters, got 7/],
    ['weight 0', { url: 'http://a', weight: 0 }, /weight must be a number above 0 and at most 1000000, got 0/],
    ['a weight above the bound', { url: 'http://a', weight: 1_000_001 }, /got 1000001/],
    ['a weight that is not a number', { url: 'http://a', weight: Number.NaN }, /got NaN/],
    ['a broken priority', { url: 'http://a', priority: 0.5 }, /priority must be a whole number from 0 to 65535, got 0.5/],
    ['a priority above the bound', { url: 'http://a', priority: 65_536 }, /priority/],
    ['a zone that is no text', { url: 'http://a', zone: 1 }, /zone must be a string, got 1/],
    ['metadata that is no object', { url: 'http://a', metadata: ['x'] }, /metadata must be an object of strings/],
    ['metadata with a value that is no text', { url: 'http://a', metadata: { a: 1 } }, /metadata.a must be a string, got 1/],
    [
      'too many entries of metadata',
      { url: 'http://a', metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) },
      /at most 64 entries, got 65/,
    ],
    ['too much metadata', { url: 'http://a', metadata: { a: 'ä'.repeat(8_192) } }, /at most 16384 bytes, got 16385/],
  ];
  for (const [what, input, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseInstance(raw(input)), message);
    });
  }

  it('lets names pass that only look like link-local addresses', () => {
    for (const url of ['http://169.254.example', 'http://fe80', 'http://169.253.1.1', 'http://[fec0::1]', 'http://[::1]'])
      parseInstance(url);
  });

  it('never shows a password in what it says', () => {
    for (const url of [
      'http://u:s3cret@a',
      'http://u:s3cret@',
      'http://u:s3/cret@a:x',
      'ftp://u:s3cret@a',
      'u:s3cret@a',
      'http://a?key=s3cret',
    ]) {
      assert.throws(
        () => parseInstance(url),
        (error: Error) => !/s3cret|cret@/.test(error.message),
      );
      assert.doesNotMatch(describeEntry({ url }), /cret/);
    }
  });

  it('gives an instance whose address leads back to it, whatever the URL', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['http', 'https'], withQueryParameters: false, withFragments: false }), (url) => {
        const instance = parseInstance(url);
        assert.ok(instance.port > 0 && !instance.basePath.endsWith('/'));
        assert.deepEqual(parseInstance(addressOf(instance)), instance);
      }),
    );
  });

  it('either gives a usable instance or throws an Error with a reason, for any input at all', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        try {
          parseInstance(raw(input));
        } catch (error) {
          assert.ok(error instanceof Error && error.message.length > 0 && !(error instanceof ReferenceError));
        }
      }),
    );
  });
});

describe('idOfEntry', () => {
  it('recognises an instance although its weight is unusable', () => {
    assert.equal(idOfEntry({ url: 'http://a', weight: 0 }), 'http://a:80');
    assert.equal(idOfEntry({ url: 'nonsense', id: 'i-1' }), 'i-1');
  });

  it('knows no id for what has none', () => {
    assert.equal(idOfEntry('nonsense'), undefined);
    assert.equal(idOfEntry(raw(null)), undefined);
  });
});
