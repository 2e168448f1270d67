import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { audienceOf, isPrivateAddress } from '../../src/load-reports/audience.js';

function requestFrom(remoteAddress: string | undefined, headers: Record<string, string> = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress, configurable: true });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

describe('who sees a load report', () => {
  test('a private address is one of a private network, of the machine itself, or none', () => {
    for (const address of [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.7.7',
      '127.0.0.1',
      '169.254.1.1',
      '100.64.0.9',
      '::1',
      'fd12::1',
      'fe80::1%eth0',
      '::ffff:10.0.0.1',
      undefined,
    ]) {
      assert.ok(isPrivateAddress(address), address);
    }
    for (const address of [
      '8.8.8.8',
      '172.32.0.1',
      '172.15.0.1',
      '11.0.0.1',
      '100.128.0.1',
      '2001:db8::1',
      '::ffff:8.8.8.8',
      '::',
      'what',
    ]) {
      assert.ok(!isPrivateAddress(address), address);
    }
  });

  test('by default only callers on a private address, for whom no proxy speaks', () => {
    const isShownTo = audienceOf('showTo', 'private');
    assert.ok(isShownTo(requestFrom('10.0.0.1')));
    assert.ok(!isShownTo(requestFrom('8.8.8.8')));
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
      assert.ok(!isShownTo(requestFrom('10.0.0.1', { [name]: 'x' })), name);
    }
  });

  test('looks at the address once per connection, and at the headers each time', () => {
    const isShownTo = audienceOf('showTo', 'private');
    const request = requestFrom('10.0.0.1');
    assert.ok(isShownTo(request));
    Object.defineProperty(request.socket, 'remoteAddress', { value: '8.8.8.8' });
    assert.ok(isShownTo(request));
    request.headers.via = '1.1 proxy';
    assert.ok(!isShownTo(request));
  });

  test('everyone, or whom a function says; one that throws says no', (t) => {
    assert.ok(audienceOf('showTo', 'everyone')(requestFrom('8.8.8.8', { via: 'x' })));
    const asking = audienceOf('showTo', (request: IncomingMessage) => request.headers['x-balancer'] === 'yes');
    assert.ok(asking(requestFrom('8.8.8.8', { 'x-balancer': 'yes' })));
    assert.ok(!asking(requestFrom('10.0.0.1')));
    const warned = t.mock.method(process, 'emitWarning', () => {});
    const broken = audienceOf('showTo', () => {
      throw new Error('broken');
    });
    assert.ok(!broken(requestFrom('10.0.0.1')));
    assert.equal(warned.mock.callCount(), 1);
  });

  test('anything else is refused', () => {
    assert.throws(
      () => audienceOf('loadReports.showTo', 'all'),
      /loadReports\.showTo must be 'private', 'everyone' or a function of the request, got 'all'/,
    );
  });
});
