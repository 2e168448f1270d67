import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ChangeWindow } from '../../../src/registries/eureka/change-window.js';

const has = (window: ChangeWindow, json: string, application: string) => window.has(Buffer.from(json), application);

describe('the window of changes', () => {
  it('knows what the answer before had, and forgets what has left it', () => {
    const window = new ChangeWindow();
    assert.equal(has(window, '{"a":1}', 'USERS'), false);
    assert.equal(has(window, '{"a":1}', 'USERS'), true, 'within the same answer');
    window.complete();
    assert.equal(has(window, '{"a":1}', 'USERS'), true);
    assert.equal(has(window, '{"a":1}', 'ORDERS'), false, 'that of another application');
    window.complete();
    window.complete();
    assert.equal(has(window, '{"a":1}', 'USERS'), false);
    window.clear();
    assert.equal(has(window, '{"a":1}', 'USERS'), false);
  });

  it('keeps what an answer had that broke off', () => {
    const window = new ChangeWindow();
    has(window, '{"a":1}', 'USERS');
    window.complete();
    has(window, '{"a":2}', 'USERS');
    // Not complete; the next answer has both.
    assert.equal(has(window, '{"a":1}', 'USERS'), true);
    assert.equal(has(window, '{"a":2}', 'USERS'), true);
  });

  it('does not take a heartbeat for a change, nor a change of anything else for a heartbeat', () => {
    const window = new ChangeWindow();
    const entry = (renewedAt: number, status: string) =>
      JSON.stringify({ instanceId: 'a', leaseInfo: { lastRenewalTimestamp: renewedAt, evictionTimestamp: 0 }, status });
    has(window, entry(1_700_000_000_000, 'UP'), 'USERS');
    assert.equal(has(window, entry(1_700_000_030_000, 'UP'), 'USERS'), true);
    assert.equal(has(window, entry(1_700_000_030_000, 'DOWN'), 'USERS'), false);
  });

  it('tells texts apart that differ in one character, wherever it stands', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (text, where, by) => {
        const at = where % text.length;
        const other = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1);
        fc.pre(Buffer.from(text).compare(Buffer.from(other)) !== 0);
        const window = new ChangeWindow();
        has(window, text, 'USERS');
        assert.equal(has(window, other, 'USERS'), false);
      }),
    );
  });

  it('tells a hundred thousand entries apart that differ in a number', () => {
    const window = new ChangeWindow();
    for (let i = 0; i < 100_000; i++)
      assert.equal(has(window, `{"instanceId":"users-${i}","lastUpdatedTimestamp":"1700000000000"}`, 'USERS'), false);
  });
});
