import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import type { Announcement } from '../../src/core/discovery.js';
import { ConfigError } from '../../src/core/errors.js';
import { announcedInstance } from '../../src/discovery/announced-instance.js';

describe('an announced instance', () => {
  it('is known in every part once it is checked', () => {
    assert.deepEqual(announcedInstance({ service: 'Users', url: 'https://10.0.0.1/api/', zone: 'z', metadata: { v: '1' } }), {
      service: 'Users',
      url: 'https://10.0.0.1/api/',
      id: 'https://10.0.0.1:443/api',
      protocol: 'https:',
      hostname: '10.0.0.1',
      port: 443,
      basePath: '/api',
      weight: 1,
      priority: 0,
      zone: 'z',
      metadata: { v: '1' },
    });
  });

  const refused: [string, unknown, string, RegExp][] = [
    ['nothing', undefined, 'announce', /an object of options/],
    ['no service', { url: 'http://a' }, 'announce.service', /a service's name/],
    ['no URL', { service: 'users' }, 'announce.url', /url must be a string/],
    ['a URL that is none', { service: 'users', url: '10.0.0.1:8080' }, 'announce.url', /url must/],
    ['the address of the cloud that tells secrets', { service: 'users', url: 'http://169.254.169.254' }, 'announce.url', /link-local/],
    ['an empty id', { service: 'users', url: 'http://a', id: '' }, 'announce.id', /id must be a string of 1 to 1024/],
    ['a weight of 0', { service: 'users', url: 'http://a', weight: 0 }, 'announce.weight', /weight must be a number above 0/],
    ['a zone that is a number', { service: 'users', url: 'http://a', zone: 1 }, 'announce.zone', /zone must be a string/],
    [
      'metadata that is no text',
      { service: 'users', url: 'http://a', metadata: { v: 1 } },
      'announce.metadata',
      /metadata\.v must be a string/,
    ],
    ['a misspelt field', { service: 'users', url: 'http://a', wieght: 2 }, 'announce.wieght', /unknown option 'wieght'/],
  ];
  for (const [what, announcement, path, message] of refused) {
    it(`is refused with ${what}, and the error names the field`, () => {
      assert.throws(
        () => announcedInstance(announcement as Announcement),
        (error) => error instanceof ConfigError && error.path === path && message.test(error.message),
      );
    });
  }

  it('does not repeat the credentials of a URL in its error', () => {
    assert.throws(
      () => announcedInstance({ service: 'users', url: 'http://me:secret@a' }),
      (error) => error instanceof ConfigError && !error.message.includes('secret'),
    );
  });

  for (const url of ['http://0.0.0.0:8080/api', 'http://[::]:8080/api', 'http://[::ffff:0.0.0.0]:8080/api', 'http://0:8080/api']) {
    it(`is refused at ${url}, with the addresses of this machine`, () => {
      const others = Object.values(networkInterfaces())
        .flatMap((each) => each ?? [])
        .filter(({ internal, family }) => !internal && family === 'IPv4');
      const expected = others[0]?.address ?? '127.0.0.1';
      assert.throws(
        () => announcedInstance({ service: 'users', url }),
        (error) =>
          error instanceof ConfigError &&
          error.path === 'announce.url' &&
          /not the wildcard/.test(error.message) &&
          error.message.includes(`http://${expected}:8080/api`),
      );
    });
  }
});
