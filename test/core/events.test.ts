import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { EventEmitter } from '../../src/core/events.js';

describe('EventEmitter', () => {
  it('knows whether anybody listens', () => {
    const events = new EventEmitter();
    const listener = () => {};
    assert.equal(events.has('endpointAdded'), false);
    events.on('endpointAdded', listener);
    assert.equal(events.has('endpointAdded'), true);
    events.off('endpointAdded', listener);
    assert.equal(events.has('endpointAdded'), false);
  });

  it('reports a listener that throws once, and tells the others all the same', async () => {
    const events = new EventEmitter();
    const heard: string[] = [];
    events.on('endpointAdded', () => {
      throw new Error('a fault of the listener');
    });
    events.on('endpointAdded', ({ endpoint }) => heard.push(endpoint));
    const warned = once(process, 'warning');
    events.emit('endpointAdded', { service: 'users', endpoint: 'a' });
    events.emit('endpointAdded', { service: 'users', endpoint: 'b' });
    const [warning] = (await warned) as [Error & { code?: string }];
    assert.deepEqual(heard, ['a', 'b']);
    assert.equal(warning.code, 'FETCHMESH_FAULT');
    assert.match(warning.message, /endpointAdded.*a fault of the listener/s);
  });

  it('refuses what is no function', () => {
    const events = new EventEmitter();
    assert.throws(() => events.on('retry', undefined as unknown as () => void), /a listener for 'retry' must be a function, got undefined/);
  });
});
